//! The use cases, composed of ports: intake, sync, sweep, renew, deliver, admin.
