//! Scenarios through the real use cases, named after the requirements that they prove.

mod beside;
mod crash;
mod first;
mod first_copy;
mod guards;
mod patterns;
mod scripts;
mod simulation;
