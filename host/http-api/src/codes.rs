//! Every error code: its status, its title, and what to do about it. The only place where codes are written down.

/// One kind of error, as documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// Its stable name.
    pub code: &'static str,
    /// The HTTP status it comes with.
    pub status: u16,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What to check or to do.
    pub help: &'static str,
}

macro_rules! codes {
    ($($name:ident = $status:literal $code:literal, $title:literal, $help:literal;)*) => {
        /// A code, by its place in the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $($name,)*
        }

        impl Code {
            /// What is documented of it.
            pub(crate) const fn info(self) -> &'static ErrorCode {
                &ERROR_CODES[self as usize]
            }
        }

        /// Every code a problem can have, by status.
        pub const ERROR_CODES: &[ErrorCode] = &[
            $(ErrorCode { code: $code, status: $status, title: $title, help: $help },)*
        ];
    };
}

codes! {
    // 400: the request can't be read.
    MalformedJson = 400 "malformed_json", "The body is not JSON",
        "Check the body at the line and column given: quotes, commas and brackets. It must be UTF-8.";
    BodyIncomplete = 400 "body_incomplete", "The body ended early",
        "The connection broke, or Content-Length promised more than was sent. Send the request again.";
    WebhookSignatureMissing = 400 "webhook_signature_missing", "The webhook carries no signature",
        "Only the provider can send webhooks here. If it did, check that no proxy in between drops its signature header.";
    WebhookSignatureMalformed = 400 "webhook_signature_malformed", "The webhook's signature can't be read",
        "Check that no proxy in between changes, joins or cuts the signature header.";
    WebhookTooOld = 400 "webhook_too_old", "The webhook was signed too long ago",
        "Check whether something between the provider and here holds requests back, or repeats old ones, and that this host's clock (NTP) isn't fast. The provider signs anew when it retries.";
    WebhookTooNew = 400 "webhook_too_new", "The webhook was signed in the future",
        "This host's clock is slow: synchronize it (NTP); 'tillgate doctor' compares it with others. The provider signs anew when it retries.";
    WebhookNotRecognized = 400 "webhook_not_recognized", "This is not a webhook of this provider",
        "Check that the URL registered with the provider is that of an account of this very provider.";
    WebhookNotProcessed = 400 "webhook_not_processed", "The webhook was not processed (old route)",
        "detail begins with the code that /v1/webhooks/{provider_account_id} answers: look that one up. The provider will send it again.";
    // 401: who calls is unknown.
    Unauthorized = 401 "unauthorized", "The credentials are missing or wrong",
        "Send 'Authorization: Bearer <key>': a tenant's key (tg_live_… or tg_test_…) for the tenant API, the operator's token for /v1/admin. A revoked key stops working within seconds.";
    WebhookSignatureInvalid = 401 "webhook_signature_invalid", "The webhook's signature is wrong",
        "Check that the account's secret is the one of this very endpoint at the provider (each endpoint, and test and live, has its own), and that no proxy in between re-encodes or reformats the body: the signature covers its exact bytes.";
    // 402: the payment was declined.
    PaymentDeclined = 402 "payment_declined", "The payment was declined",
        "The customer has to use another way of paying, or ask their bank. decline_code says why, where the provider tells.";
    // 404: it isn't there, or not for this caller.
    RouteNotFound = 404 "route_not_found", "There is no such route",
        "Check the path; every route is listed at /docs.";
    OperatorApiOff = 404 "operator_api_off", "The operator API is off",
        "Set admin.token (at least 32 characters) in the configuration to switch it on.";
    TenantNotFound = 404 "tenant_not_found", "There is no such tenant",
        "Check the id; GET /v1/admin/tenants lists them.";
    ApiKeyNotFound = 404 "api_key_not_found", "The tenant has no such API key",
        "Check the id and the tenant; GET /v1/admin/tenants/{id}/api-keys lists them.";
    ProviderAccountNotFound = 404 "provider_account_not_found", "There is no such provider account",
        "Check the id (pac_…), and that it belongs to this tenant. For a webhook, check the URL registered with the provider.";
    PluginNotFound = 404 "plugin_not_found", "There is no such plugin, or not in this version",
        "GET /v1/admin/plugins lists what is installed; POST a component there to install one.";
    OrganizationNotFound = 404 "organization_not_found", "There is no such organization",
        "PUT /v1/organizations/{id} first: a checkout can name only what is known.";
    UserNotFound = 404 "user_not_found", "There is no such user",
        "PUT /v1/users/{id} first: a checkout can name only what is known.";
    ProductNotFound = 404 "product_not_found", "There is no such product",
        "PUT /v1/products/{id} first, with its price at each provider account.";
    CheckoutSessionNotFound = 404 "checkout_session_not_found", "There is no such checkout session",
        "Check the id (cks_…) and that the key is the right tenant's.";
    CustomerNotFound = 404 "customer_not_found", "There is no such customer",
        "Check the id (cus_…, ours and not the provider's) and that the key is the right tenant's.";
    SubscriptionNotFound = 404 "subscription_not_found", "There is no such subscription",
        "Check the id (sub_…, ours and not the provider's) and that the key is the right tenant's.";
    PurchaseNotFound = 404 "purchase_not_found", "There is no such purchase",
        "Check the id (pur_…) and that the key is the right tenant's.";
    PaymentNotFound = 404 "payment_not_found", "There is no such payment",
        "Check the id (pay_…, ours and not the provider's) and that the key is the right tenant's.";
    RefundNotFound = 404 "refund_not_found", "There is no such refund",
        "Check the id (ref_…, ours and not the provider's) and that the key is the right tenant's.";
    EventNotFound = 404 "event_not_found", "There is no such event, or not any more",
        "Check the id (evt_…) and that the key is the right tenant's. Events are kept for a time: begin the feed anew without after, and compare with what you have.";
    EventEndpointNotFound = 404 "event_endpoint_not_found", "There is no such event endpoint",
        "Check the id (eep_…) and that the key is the right tenant's; GET /v1/event-endpoints lists them.";
    WebhookNotFound = 404 "webhook_not_found", "There is no such webhook",
        "Check the id (whk_…); GET /v1/admin/webhooks lists those that are still kept.";
    NotFound = 404 "not_found", "There is no such thing",
        "Check the id and that the key is the right tenant's.";
    // 405, 408, 413, 415: the request isn't one this route takes.
    MethodNotAllowed = 405 "method_not_allowed", "This route does not take this method",
        "The Allow header lists the methods it takes.";
    RequestTimeout = 408 "request_timeout", "The body did not arrive in time",
        "Send the whole body at once. If it was cut on the way, send the request again.";
    BodyTooLarge = 413 "body_too_large", "The body is too large",
        "Send less; the limits are configured at server.body_max_bytes and server.webhook_body_max_bytes.";
    UnsupportedMediaType = 415 "unsupported_media_type", "The body's media type is not taken here",
        "Send 'Content-Type: application/json', or application/wasm for a plugin.";
    // 409: how things stand forbids it.
    InvalidSubscriptionStatus = 409 "invalid_subscription_status", "The subscription's status does not allow this",
        "GET the subscription to see its status: what has ended stays ended.";
    InvalidPurchaseStatus = 409 "invalid_purchase_status", "The purchase's status does not allow this",
        "GET the purchase to see its status.";
    InvalidPaymentStatus = 409 "invalid_payment_status", "The payment's status does not allow this",
        "GET the payment to see its status: only money that came can be given back.";
    IdempotencyKeyInUse = 409 "idempotency_key_in_use", "The first request with this idempotency key is still running",
        "Wait, then send it again with the same key: it answers what the first one answered.";
    OperationInProgress = 409 "operation_in_progress", "Another change of the same thing is under way",
        "Wait until it has its outcome, which is settled within minutes, or repeat the earlier request with its idempotency key.";
    NoProviderAccount = 409 "no_provider_account", "The tenant has no provider account to use",
        "Name one (provider_account_id), or let the operator make one the default.";
    AlreadyExists = 409 "already_exists", "It exists already, or refers to something that does not exist",
        "Choose another name, or use what is there.";
    WebhookNotReplayable = 409 "webhook_not_replayable", "The webhook is never applied",
        "Its events were taken in before, under the same ids and with other contents. Ask the provider which are true; GET …?refresh=true on a subscription does.";
    ConcurrentChange = 409 "concurrent_change", "Others changed the same thing at the same time",
        "Nothing was done. Read it again, and repeat if it is still wanted.";
    ProviderConflict = 409 "provider_conflict", "The provider's object does not allow this now",
        "Ask for its present state (?refresh=true on a subscription) and decide again.";
    ProviderObjectMissing = 409 "provider_object_missing", "The provider does not know an object that is needed",
        "It may have been deleted there, be of another account, or of the other mode (test and live are apart). Check the product's price and the account's key.";
    // 422: the request is understood, and wrong.
    InvalidRequest = 422 "invalid_request", "A field is wrong",
        "errors names each field and what is wrong with it.";
    InvalidSeats = 422 "invalid_seats", "The number of seats is out of bounds",
        "Send a whole number from 1 to 2147483647.";
    InvalidTrial = 422 "invalid_trial", "The trial is not possible",
        "A trial needs a subscription and a whole number of days within the bounds given.";
    InvalidIdempotencyKey = 422 "invalid_idempotency_key", "The idempotency key is none",
        "Send one Idempotency-Key header of 1 to 255 visible ASCII characters, e.g. a UUID.";
    IdempotencyKeyReused = 422 "idempotency_key_reused", "The idempotency key was used with another request",
        "Use a new key for each new request, and the same key only to repeat the very same method, path and body.";
    ProductWithoutPrice = 422 "product_without_price", "The product has no price at this provider account",
        "PUT /v1/products/{id} with a price for that account, or name another account.";
    CapabilityNotSupported = 422 "capability_not_supported", "The provider cannot do this",
        "GET /v1/capabilities lists what each provider account can do.";
    ProviderRejectedRequest = 422 "provider_rejected_request", "The provider refused the request",
        "detail is the provider's own explanation; provider_request_id finds the request in its dashboard.";
    PluginRejected = 422 "plugin_rejected", "The component is not accepted as a plugin",
        "plugin_code and detail say what is wrong; 'tillgate plugin inspect' says the same of a file before it is sent.";
    // 429: too often.
    WebhookRejectedTooOften = 429 "webhook_rejected_too_often", "Too many webhooks of this account fail their proof",
        "Genuine ones are taken in all the while. If the provider is the sender, the account's secret isn't that of its endpoint: put the right one. Otherwise somebody guesses, and nothing has to be done.";
    // 500: a fault of ours.
    InternalError = 500 "internal_error", "Something went wrong here",
        "Report it with the request_id; the log has the cause under it.";
    StoredDataCorrupt = 500 "stored_data_corrupt", "Stored data can't be understood",
        "Report it with the request_id. If the database was restored or edited by hand, check that first.";
    SecretNotReadable = 500 "secret_not_readable", "A stored secret can't be opened",
        "The master key it was sealed with is not configured: add it to the list of old keys, or put the secret again.";
    // 502 to 504: a fault of those behind us.
    ProviderUnauthorized = 502 "provider_unauthorized", "The provider refuses the account's credentials",
        "The operator has to check the account's key: revoked, lacking a permission, or of the other mode.";
    ProviderResponseMalformed = 502 "provider_response_malformed", "The provider's answer can't be understood",
        "Repeat with the same Idempotency-Key. If it stays, the plugin may be too old for the provider's API.";
    PluginFault = 502 "plugin_fault", "The provider's plugin failed",
        "Repeat with the same Idempotency-Key. If it stays, report it to the plugin's author with the operation_id.";
    DatabaseUnavailable = 503 "database_unavailable", "The database is unavailable",
        "Repeat after Retry-After with the same Idempotency-Key. The operator should check the database: reachable, writable, not full.";
    PluginNotLoaded = 503 "plugin_not_loaded", "The plugin the account is pinned to is not loaded",
        "The operator has to install that version, or pin the account to one that is installed.";
    PluginNotStored = 503 "plugin_not_stored", "The plugin could not be kept",
        "Check that the plugin directory is writable and has space, then send it again.";
    ProviderRateLimited = 503 "provider_rate_limited", "The provider takes no more requests now",
        "Nothing was done. Repeat after Retry-After with the same Idempotency-Key.";
    ProviderUnavailable = 503 "provider_unavailable", "The provider can't be reached, or failed",
        "Nothing was done. Repeat after Retry-After with the same Idempotency-Key.";
    NotReady = 503 "not_ready", "This host takes no requests now",
        "It is shutting down, or its database does not answer.";
    RequestTimedOut = 504 "request_timed_out", "The request took too long",
        "It may still be carried out. Repeat it with the same Idempotency-Key to get its answer.";
    UnknownOutcome = 504 "unknown_outcome", "It is not known whether the provider did it",
        "Repeat with the same Idempotency-Key: it finds out, and never does it twice. Do not use a new key.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_named_in_snake_case_and_explained() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in ERROR_CODES {
            assert!(seen.insert(entry.code), "{} twice", entry.code);
            assert!(
                entry.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{}",
                entry.code
            );
            assert!((400..600).contains(&entry.status), "{}", entry.code);
            assert!(!entry.title.is_empty() && !entry.help.is_empty(), "{}", entry.code);
        }
    }

    #[test]
    fn a_code_finds_its_own_entry() {
        assert_eq!(Code::MalformedJson.info().code, "malformed_json");
        assert_eq!(Code::UnknownOutcome.info().code, "unknown_outcome");
        assert_eq!(Code::InvalidSeats.info().status, 422);
    }
}
