//! Whole runs that faults befall, from their beginning in a store to their end.

mod store_faults;
