//! The doors of FusionAuth, asked as its clients ask them.

mod official;
mod official_models;
mod official_programs;
mod official_table;
