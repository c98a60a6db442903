mod commit;
mod content;
mod feed;
mod lease;
mod marks;
mod pending;
mod rows;
mod stage;
