//! What every function shares at start: configuration, logs, the AWS and local wiring.
