//! Whole runs that faults befall, from their beginning in a store to their end.

#[cfg(target_os = "linux")]
mod spawn_faults;
mod store_faults;
