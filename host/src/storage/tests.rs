//! What cannot be made to happen from outside: a disk that fails.
