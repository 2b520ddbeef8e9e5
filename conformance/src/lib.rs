//! Runs the same cases against every backend of enginebay.
