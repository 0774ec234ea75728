//! JSON Schema: checking an agent's output, explaining what is wrong with it, making up a value that has its shape.
