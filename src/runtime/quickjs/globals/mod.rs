//! The globals of the sandbox, one file each.

mod arrays;
mod date;
mod determinism;
mod json;
mod structured_clone;
mod text;
mod unit;
mod url;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod loops;
