//! What administration changes goes on to its end, whatever becomes of whoever asked. A change may be more than one commit, and a
//! secret that was made for it stands in its answer alone: cut off in the middle, it would be half done and its answer lost. So it
//! runs in a task of its own, and whoever asks again under the same `Idempotency-Key` gets what came of it.

use super::super::error::{HttpError, Why};
use super::super::transport::EndOfConnection;
use super::super::who::request_id;
use crate::actors::Unavailable;
use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use tracing::Instrument;

/// The middleware. The task holds the request, and with it the request's place among those under way: callers who hang up cannot
/// make more work than callers who stay.
///
/// # Errors
/// Those of the handler.
pub async fn to_its_end<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let asked = request.request().clone();
    let work = next.call(request);
    let task = async move {
        // The request may outlive its connection, which would have wiped behind it.
        let _end = EndOfConnection;
        work.await
    };
    match actix_web::rt::spawn(task.in_current_span()).await {
        Ok(answered) => answered.map(ServiceResponse::map_into_left_body),
        // It panicked, or the server has stopped meanwhile.
        Err(_) => {
            let error = HttpError::plain(Why::Refused(Unavailable::Fault.into()), request_id(&asked));
            Ok(ServiceResponse::from_err(error, asked).map_into_right_body())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, HttpRequest, HttpResponse, web};
    use futures_util::FutureExt;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use tokio::sync::oneshot;

    /// What a test and its handler tell each other.
    struct Work {
        may_end: RefCell<Option<oneshot::Receiver<()>>>,
        has_begun: Cell<bool>,
        has_ended: RefCell<Option<oneshot::Sender<()>>>,
    }

    async fn handler(request: HttpRequest, work: web::Data<Rc<Work>>) -> HttpResponse {
        work.has_begun.set(true);
        let may_end = work.may_end.take().unwrap();
        may_end.await.unwrap();
        drop(request);
        work.has_ended.take().unwrap().send(()).unwrap();
        HttpResponse::Ok().finish()
    }

    #[actix_rt::test]
    async fn what_was_begun_ends_and_keeps_its_place_until_then_although_the_caller_has_hung_up() {
        let (let_it_end, may_end) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        let work = Rc::new(Work {
            may_end: RefCell::new(Some(may_end)),
            has_begun: Cell::new(false),
            has_ended: RefCell::new(Some(ends)),
        });
        let routes = web::resource("/").route(web::post().to(handler).wrap(from_fn(to_its_end)));
        let app = init_service(App::new().app_data(web::Data::new(work.clone())).service(routes)).await;
        let place = Rc::new(());
        let request = TestRequest::post().uri("/").to_request();
        actix_web::HttpMessage::extensions_mut(&request).insert(place.clone());

        let mut call = Box::pin(actix_service::Service::call(&app, request));
        while !work.has_begun.get() {
            assert!((&mut call).now_or_never().is_none(), "it waits for the work");
            tokio::task::yield_now().await;
        }
        drop(call);
        tokio::task::yield_now().await;
        assert_eq!(Rc::strong_count(&place), 2, "the work holds the request");

        let_it_end.send(()).expect("the work waits for it");
        ended.await.expect("it went on");
        while Rc::strong_count(&place) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
