//! Reading a workflow source: its form, its `meta`, and what can be known to be wrong before anything runs.
//!
//! Knows the syntax tree (oxc) and nothing about running scripts.
