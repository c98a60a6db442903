//! Scenarios through the real use cases, named after the requirements that they prove.

mod beside;
mod borders;
mod crash;
mod empty_answer;
mod first;
mod first_copy;
mod guards;
mod intake;
mod patterns;
mod price;
mod scripts;
mod simulation;
