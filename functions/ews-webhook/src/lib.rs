//! The ews-webhook function.
