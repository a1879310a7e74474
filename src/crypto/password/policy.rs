//! stub to be replaced by branch pass

/// Rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Characters at least.
    pub min_length: usize,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short.
    #[error("the password must have at least {min} characters")]
    TooShort {
        /// At least.
        min: usize,
    },
}

impl Policy {
    /// Checks.
    ///
    /// # Errors
    /// Weak.
    pub fn check(&self, password: &str, _login: &str) -> Result<(), WeakPassword> {
        if password.chars().count() < self.min_length {
            return Err(WeakPassword::TooShort { min: self.min_length });
        }
        Ok(())
    }
}

/// The PHC form.
///
/// # Errors
/// Not one of ours.
pub fn phc_of(text: &str) -> Result<zeroize::Zeroizing<String>, super::PasswordHashError> {
    super::scheme_of(text)?;
    Ok(zeroize::Zeroizing::new(text.to_owned()))
}
