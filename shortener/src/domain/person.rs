//! What users say of themselves.

use thiserror::Error;

/// What is wrong with a name, an address or a password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PersonError {
    /// A name that is empty, too long, or not to be displayed.
    #[error("allowed are 1 to 100 characters, none of them a control character")]
    Name,
    /// No address of e-mail.
    #[error("allowed is an address such as ada@example.org, of up to 254 characters")]
    Email,
    /// A password that is too short, or longer than anybody types.
    #[error("{0} characters; allowed are 10 to 200")]
    Password(usize),
}

/// Returns the name without the spaces around it.
///
/// # Errors
///
/// If nothing is left, it is too long, or has control characters.
pub fn check_name(name: &str) -> Result<String, PersonError> {
    let name = name.trim();
    let fits = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned()).ok_or(PersonError::Name)
}

/// Returns the address in the form in which addresses are compared: without spaces around it, in
/// lower case.
///
/// Whether somebody reads mail there is not to be seen from it, so only its shape is looked at.
///
/// # Errors
///
/// If it is not one `@` between a name and a host.
pub fn check_email(email: &str) -> Result<String, PersonError> {
    let email = email.trim().to_lowercase();
    let is_odd = |it: char| it.is_whitespace() || it.is_control() || matches!(it, '<' | '>' | ',');
    let (name, host) = email.split_once('@').ok_or(PersonError::Email)?;
    let host_fits = host.split('.').count() > 1 && host.split('.').all(|label| !label.is_empty());
    let fits = !name.is_empty() && host_fits && !host.contains('@') && email.len() <= 254;
    (fits && !email.contains(is_odd)).then_some(email).ok_or(PersonError::Email)
}

/// Checks that a password is long enough, and no work for the hash to choke on.
///
/// # Errors
///
/// If it is not.
pub fn check_password(password: &str) -> Result<(), PersonError> {
    let count = password.chars().count();
    if (10..=200).contains(&count) { Ok(()) } else { Err(PersonError::Password(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_name_and_a_host() {
        assert_eq!(check_email(" Ada@Example.ORG ").unwrap(), "ada@example.org");
        for wrong in ["", "ada", "@example.org", "ada@", "ada@org", "a@b@c.d", "a b@c.d", "a@c..d"]
        {
            assert_eq!(check_email(wrong), Err(PersonError::Email), "{wrong:?}");
        }
        assert_eq!(check_email(&format!("{}@c.d", "a".repeat(251))), Err(PersonError::Email));
    }

    #[test]
    fn names_and_passwords_have_bounds() {
        assert_eq!(check_name(" Ada "), Ok("Ada".to_owned()));
        assert_eq!(
            (check_name(" "), check_name("a\0")),
            (Err(PersonError::Name), Err(PersonError::Name))
        );
        assert_eq!(check_password("123456789"), Err(PersonError::Password(9)));
        assert_eq!(check_password("1234567890"), Ok(()));
    }
}
