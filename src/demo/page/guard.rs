//! Who may ask: a browser on this machine that was given the page by us. Other sites can neither read it nor post to it.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::demo::page::{Page, Shared, refuse};

/// The cookie without which nothing may be posted.
const COOKIE: &str = "tidegate-demo";
/// Nothing but our own files, and no framing.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Lets through what comes from our own page, and says what the browser may do with it.
pub(super) async fn guard(State(page): State<Shared>, request: Request, next: Next) -> Response {
    let mut answer = match judge(&page, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(words) => return refuse(StatusCode::FORBIDDEN, words),
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", page.token);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    answer
}

fn judge(page: &Page, method: &Method, headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let port = page.address.port();
    // Another name that leads here (DNS rebinding) is not us.
    let host = text(header::HOST).unwrap_or_default();
    if host != format!("127.0.0.1:{port}") && host != format!("localhost:{port}") {
        return Err("this page answers to 127.0.0.1 and localhost only");
    }
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    if text(header::ORIGIN) != Some(format!("http://{host}").as_str()) {
        return Err("this did not come from the page itself");
    }
    let wanted = format!("{COOKIE}={}", page.token);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    if !cookies.flat_map(|line| line.split(';')).any(|cookie| cookie.trim() == wanted) {
        return Err("the page is of an earlier run: load it again");
    }
    Ok(())
}
