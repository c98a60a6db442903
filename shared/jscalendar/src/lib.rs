//! JSCalendar (RFC 8984) in and out of the model. Pure.
