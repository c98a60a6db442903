//! Tests of zones.
