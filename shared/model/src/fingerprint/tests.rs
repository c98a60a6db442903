//! Tests of fingerprints.
