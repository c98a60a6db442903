//! Scenarios through the real use cases, named after the requirements that they prove.

mod administration;
mod beside;
mod beyond;
mod borders;
mod cap;
mod crash;
mod credentials;
mod cut_twice;
mod decisions;
mod echo;
mod empty_answer;
mod exit;
mod export;
mod first;
mod first_copy;
mod guards;
mod intake;
mod moving;
mod notifications;
mod partitions;
mod patterns;
mod peek;
mod preflight;
mod price;
mod scripts;
mod simulation;
