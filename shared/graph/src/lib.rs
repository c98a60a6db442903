//! Microsoft Graph: request builders, tolerant readers, mapping to the model. Pure.

pub mod calendar;
