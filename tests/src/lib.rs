//! Tests across crates; they are in `tests/`, and what they compare with in `golden/`.
