//! Tests of normalisation and sameness.
