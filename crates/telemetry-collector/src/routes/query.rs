//! Query parameters: each known, each once; anything else is refused with a reason.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::error::ApiError;

/// The parameters of a request.
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Query(pairs) = Query::try_from_uri(&parts.uri).map_err(|_| {
            ApiError::bad_query("the query cannot be read: it must be name=value pairs in UTF-8")
        })?;
        Ok(Self(pairs))
    }
}

impl Params {
    /// The values of `names`, in their order; an empty value counts as not given.
    pub(super) fn take<const N: usize>(self, names: [&str; N]) -> Result<[Option<String>; N], ApiError> {
        let mut values = [const { None }; N];
        for (name, value) in self.0 {
            let Some(index) = names.iter().position(|known| *known == name) else {
                return Err(ApiError::bad_query(format!(
                    "a parameter is not known here; this path takes {}",
                    names.join(", ")
                )));
            };
            if values[index].replace(value).is_some() {
                return Err(ApiError::bad_query(format!("{} is given twice", names[index])));
            }
        }
        Ok(values.map(|value| value.filter(|value| !value.is_empty())))
    }
}

/// A whole number within bounds.
pub(super) fn number(
    name: &str,
    text: Option<&str>,
    bounds: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.map(Some).ok_or_else(|| match *bounds.end() {
        i64::MAX => {
            ApiError::bad_query(format!("{name} must be a whole number, at least {}", bounds.start()))
        }
        end => ApiError::bad_query(format!("{name} must be a whole number from {} to {end}", bounds.start())),
    })
}
