//! Heads do not outlive their requests. actix-http and actix-web keep the heads of past requests, each thread up to 128 of either,
//! to use their places again: with `Authorization`, with the target and its query, and with the whole buffer that the head was
//! read into, for as long as nobody comes.

use crate::crypto::{DEEP, wipe_stack};
use actix_http::{HttpMessage, Message, Request, RequestHead, Uri};
use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;
use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

/// How many heads actix-http keeps on a thread.
const POOL: usize = 128;
/// Headers for which a map has room that is kept.
const USUAL: usize = 64;

thread_local! {
    /// Maps of past requests, emptied: to make room for headers anew costs more than to read them.
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// The headers of a request; they end with it.
pub struct Headers(HeaderMap);

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.0
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        let mut map = std::mem::take(&mut self.0);
        map.clear();
        // A thread that ends has no place for it any more, and needs none.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < POOL && map.capacity() <= USUAL {
                spare.push(map);
            }
        });
    }
}

/// The headers of a request, wherever they are. Whatever of actix reads them by itself (`web::Json`, `web::Form`, `web::Header`, guards,
/// cookies) finds none.
#[expect(clippy::disallowed_methods, reason = "the one place that knows where they are")]
pub fn headers(request: &HttpRequest) -> Rc<Headers> {
    let moved = request.extensions().get::<Rc<Headers>>().cloned();
    // An app that stands behind no transport, as some tests have it, finds them where they always are.
    moved.unwrap_or_else(|| Rc::new(Headers(request.headers().clone())))
}

/// What stood behind the `?`, as it was sent.
struct Query(Rc<str>);

/// The query of a request, as it was sent, wherever it is. Whatever of actix reads it by itself (`web::Query`) finds none. It may hold
/// anything, since clients that err put tokens there: it is for doors that know a parameter by its name, and for nobody to write down.
#[expect(clippy::disallowed_methods, reason = "the one place that knows where it is")]
pub fn query(request: &HttpRequest) -> Option<Rc<str>> {
    let moved = request.extensions().get::<Query>().map(|query| Rc::clone(&query.0));
    // As with the headers: an app behind no transport.
    moved.or_else(|| Some(request.query_string()).filter(|query| !query.is_empty()).map(Rc::from))
}

/// Moves what may be secret out of a head: the headers and the query go to the request's extensions, which end with the request
/// however it ends.
pub(super) fn move_out(request: &mut Request) {
    let head = request.head_mut();
    let spare = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    let headers = Headers(std::mem::replace(&mut head.headers, spare));
    let query = head.uri.query().map(|query| Query(Rc::from(query)));
    if query.is_some() || head.uri.authority().is_some() {
        head.uri = Uri::try_from(head.uri.path()).unwrap_or_default();
    }
    let mut extensions = request.extensions_mut();
    extensions.insert(Rc::new(headers));
    if let Some(query) = query {
        extensions.insert(query);
    }
}

/// Takes the path away, where it is nobody's: what stands in it is anything.
pub fn forget_path(request: &mut ServiceRequest) {
    let nowhere = Uri::default();
    request.match_info_mut().get_mut().update(&nowhere);
    request.head_mut().uri = nowhere;
}

/// Empties, when it is dropped, the heads that this thread keeps: those that were refused while they were parsed, or never
/// answered, were not given to anybody who could. Wipes what the connection's requests left on the stack, too.
pub struct EndOfConnection;

impl Drop for EndOfConnection {
    fn drop(&mut self) {
        // Taking one clears its headers. All are held before the first goes back, or it would be the same one each time.
        let mut heads: Vec<_> = (0..POOL).map(|_| Message::<RequestHead>::new()).collect();
        heads.iter_mut().for_each(|head| head.uri = Uri::default());
        drop(heads);
        wipe_stack::<DEEP>();
    }
}
