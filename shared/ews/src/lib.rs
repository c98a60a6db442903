//! Exchange Web Services: request builders, tolerant readers, mapping to the model. Pure.
