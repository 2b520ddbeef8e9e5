//! Nothing: the tests are in `tests/`, and what they test is made by the build script.
