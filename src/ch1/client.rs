//! The CH-1 client as the pipeline sees it: started with an outbox, asked at the end what became of it.

use std::sync::Arc;
use std::thread::JoinHandle;

use tonic::transport::Endpoint;

use super::delivery::Delivery;
use super::options::{Acknowledgements, Answers, Ch1Error, ClientOptions};
use crate::outbox::Outbox;

/// Delivers an outbox from a thread of its own, which owns the runtime; no caller needs to be asynchronous.
pub struct Ch1Client {
    outbox: Arc<Outbox>,
    answers: Answers,
    thread: Option<JoinHandle<Result<(), Ch1Error>>>,
}

impl Ch1Client {
    /// Begins to deliver. The connection is made in the background, and again whenever it is lost.
    ///
    /// # Errors
    /// When the URL cannot be one of a Charging Enabler, or no thread can be had.
    pub fn start(url: &str, options: ClientOptions, outbox: Arc<Outbox>) -> Result<Self, Ch1Error> {
        let endpoint = endpoint(url, &options)?;
        let answers = Answers::default();
        let delivery = Delivery::new(url, endpoint, options, Arc::clone(&outbox), answers.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("ch1".into()).spawn({
            let abandon = AbandonOnExit(Arc::clone(&outbox));
            move || {
                // Whatever ends this thread, a producer must not wait for room that never comes.
                let _abandon = abandon;
                runtime.block_on(delivery.run())
            }
        })?;
        Ok(Self { outbox, answers, thread: Some(thread) })
    }

    /// What the Enabler answered so far.
    #[must_use]
    pub fn acknowledgements(&self) -> Acknowledgements {
        self.answers.look(Clone::clone)
    }

    /// The same, for somebody else to look at while it goes on.
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.answers.clone()
    }

    /// Closes the outbox and waits until everything in it is answered.
    ///
    /// # Errors
    /// [`Ch1Error::GaveUp`] when the Enabler could not be reached, or did not answer, for too long.
    pub fn finish(mut self) -> Result<Acknowledgements, Ch1Error> {
        self.outbox.close();
        let thread = self.thread.take().ok_or(Ch1Error::Panicked)?;
        thread.join().unwrap_or(Err(Ch1Error::Panicked))?;
        Ok(self.acknowledgements())
    }
}

/// Left without `finish`, the thread still delivers what is there and ends by itself.
impl Drop for Ch1Client {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

struct AbandonOnExit(Arc<Outbox>);

impl Drop for AbandonOnExit {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

fn endpoint(url: &str, options: &ClientOptions) -> Result<Endpoint, Ch1Error> {
    let wrong = |why| Ch1Error::Url { url: url.to_owned(), why };
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| wrong("not a URL such as http://host:50051"))?;
    match endpoint.uri().scheme_str() {
        Some("http") => {}
        Some("https") => return Err(wrong("TLS is not built in; use http:// and a tunnel")),
        Some(_) => return Err(wrong("only http:// is spoken")),
        None => return Err(wrong("the scheme is missing, write http://host:50051")),
    }
    if endpoint.uri().host().is_none_or(str::is_empty) {
        return Err(wrong("the host is missing, write http://host:50051"));
    }
    if !matches!(endpoint.uri().path(), "" | "/") {
        return Err(wrong("a path means nothing here, write http://host:50051"));
    }
    Ok(endpoint
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .tcp_nodelay(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        endpoint(url, &ClientOptions::default()).unwrap_err().to_string()
    }

    #[test]
    fn says_what_is_wrong_with_a_url() {
        assert!(refusal("127.0.0.1:50051").contains("http://host:50051"));
        assert!(refusal("localhost:50051").contains("http://"));
        assert!(refusal("https://enabler").contains("TLS"));
        assert!(refusal("ftp://enabler").contains("only http://"));
        assert!(refusal("http://a b").contains("not a URL"));
        assert!(refusal("http://enabler/x").contains("path"));
        assert!(refusal("").starts_with("Charging Enabler : "));
        assert!(endpoint("http://[::1]:50051", &ClientOptions::default()).is_ok());
        assert!(endpoint("http://enabler:50051/", &ClientOptions::default()).is_ok());
    }
}
