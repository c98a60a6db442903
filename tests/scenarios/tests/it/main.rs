//! Scenarios through the real use cases, named after the requirements that they prove.

mod crash;
mod first;
mod scripts;
mod simulation;
