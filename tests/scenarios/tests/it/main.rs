//! Scenarios through the real use cases, named after the requirements that they prove.

mod administration;
mod beside;
mod borders;
mod crash;
mod credentials;
mod empty_answer;
mod first;
mod first_copy;
mod guards;
mod intake;
mod notifications;
mod patterns;
mod preflight;
mod scripts;
mod simulation;
