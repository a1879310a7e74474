//! `POST /api/user/import`
