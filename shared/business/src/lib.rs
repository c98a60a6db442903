//! The other border: CloudEvents, Standard Webhooks, delivery rules, guarded targets.
