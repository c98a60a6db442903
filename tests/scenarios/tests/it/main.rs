//! Scenarios through the real use cases, named after the requirements that they prove.

mod crash;
mod first;
mod guards;
mod patterns;
mod scripts;
mod simulation;
