#![doc = include_str!("../README.md")]

mod callback;
mod clock;
mod config;
mod control;
mod entra;
mod ews;
mod fault;
mod graph;
mod random;
pub mod server;
mod simulator;
pub mod store;
mod subscription;
mod user;
mod windows_zone;

pub use callback::{Callback, CallbackKind};
pub use clock::{ManualClock, SimClock};
pub use config::{Config, MailboxConfig, Role};
pub use fault::{FaultKind, FaultPlan, FaultRule};
pub use simulator::{SimOutcome, SimRequest, SimStep, Simulator};
pub use user::{NewAppointment, Snapshot, User, UserError};
