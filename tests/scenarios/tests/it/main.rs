//! Scenarios through the real use cases, named after the requirements that they prove.

mod first;
