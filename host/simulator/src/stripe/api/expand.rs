//! `expand[]` (<https://docs.stripe.com/api/expanding_objects>).

use serde_json::Value;

use crate::stripe::error::{ApiError, ApiResult};
use crate::stripe::model::Dialect;
use crate::stripe::params::Params;
use crate::stripe::state::State;

/// The deepest path, as Stripe limits it.
const MAX_LEVELS: usize = 4;
/// The most paths of one request.
const MAX_PATHS: usize = 20;

/// Replaces ids by their objects along each requested path.
pub(super) fn expand(state: &State, params: &Params<'_>, dialect: Dialect, answer: &mut Value) -> ApiResult<()> {
    let paths = params.texts("expand")?;
    if paths.len() > MAX_PATHS {
        return Err(ApiError::invalid(
            "expand",
            format!("You can expand at most {MAX_PATHS} properties."),
        ));
    }
    for path in paths {
        let names: Vec<&str> = path.split('.').collect();
        let levels = names.iter().filter(|name| **name != "data").count();
        if levels > MAX_LEVELS {
            return Err(ApiError::invalid(
                "expand",
                format!("You cannot expand more than {MAX_LEVELS} levels of a property. Property: {path}"),
            ));
        }
        follow(state, dialect, answer, &names, path)?;
    }
    Ok(())
}

fn follow(state: &State, dialect: Dialect, at: &mut Value, names: &[&str], path: &str) -> ApiResult<()> {
    let Some((name, rest)) = names.split_first() else {
        return Ok(());
    };
    if let Value::Array(elements) = at {
        return elements
            .iter_mut()
            .try_for_each(|element| follow(state, dialect, element, names, path));
    }
    include(state, at, name);
    let Some(member) = at.get_mut(name) else {
        return Err(ApiError::invalid(
            "expand",
            format!("This property cannot be expanded ({name}). You may want to try expanding 'data.{path}' instead."),
        ));
    };
    match member {
        Value::Null => return Ok(()),
        Value::String(id) => match state.render(id, dialect) {
            Some(object) => *member = object,
            // Objects without a resource of their own, such as payment methods.
            None if id.contains('_') => return Ok(()),
            None => {
                return Err(ApiError::invalid(
                    "expand",
                    format!("This property cannot be expanded ({path})."),
                ));
            }
        },
        Value::Object(_) | Value::Array(_) => {}
        Value::Bool(_) | Value::Number(_) => {
            return Err(ApiError::invalid(
                "expand",
                format!("This property cannot be expanded ({path})."),
            ));
        }
    }
    if let Value::Array(elements) = member {
        return elements
            .iter_mut()
            .try_for_each(|element| follow(state, dialect, element, rest, path));
    }
    follow(state, dialect, member, rest, path)
}

/// Adds what Stripe includes only on request.
fn include(state: &State, object: &mut Value, name: &str) {
    let id = object["id"].as_str().unwrap_or_default().to_owned();
    let included = match (object["object"].as_str(), name) {
        (Some("checkout.session"), "line_items") => state
            .sessions
            .get(&id)
            .map(|session| state.render_session_lines(session)),
        (Some("invoice"), "payments") => state
            .invoices
            .get(&id)
            .map(crate::stripe::model::invoice::Invoice::render_payments),
        (Some("charge"), "refunds") => {
            let refunds = state
                .refunds
                .newest_first()
                .filter(|(_, refund)| refund.charge == id)
                .map(|(_, refund)| refund.render());
            Some(crate::stripe::model::list(
                refunds.collect(),
                &format!("/v1/charges/{id}/refunds"),
            ))
        }
        _ => None,
    };
    if let Some(included) = included {
        object[name] = included;
    }
}
