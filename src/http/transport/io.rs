//! The stream under the dispatcher. It counts what passes and, when told to, ends what the dispatcher reads.

use super::connection::{Connection, Ending, Room};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

/// How much is thrown away at one go while a refused peer is still sending.
const DISCARD: usize = 4096;
/// How often in a row, before other connections get their turn.
const DISCARD_ROUNDS: usize = 16;

/// What is read and written: the socket itself, or TLS on it.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A socket with its connection's state.
pub(super) struct Guarded {
    socket: Socket,
    connection: Rc<Connection>,
    answered: bool,
    shut: bool,
}

impl Guarded {
    pub(super) fn new(socket: Socket, connection: Rc<Connection>) -> Self {
        Self { socket, connection, answered: false, shut: false }
    }

    pub(super) fn connection(&self) -> Rc<Connection> {
        Rc::clone(&self.connection)
    }

    /// Says why, once, then reads as ended. What the peer still sends is thrown away for a moment: a socket closed with
    /// unread bytes in it is reset, and the peer would lose the answer that tells it why.
    fn poll_ending(&mut self, cx: &mut Context<'_>, ending: Ending) -> Poll<io::Result<()>> {
        let answer: &[u8] = match ending {
            Ending::Quiet => return Poll::Ready(Ok(())),
            Ending::SlowHead => b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            Ending::HugeHead => {
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            }
        };
        if !self.answered {
            if !self.connection.may_speak() {
                return Poll::Ready(Ok(()));
            }
            self.answered = true;
            // A socket without room for a hundred bytes has a peer that would not read them.
            let _ = Pin::new(&mut self.socket).poll_write(cx, answer);
        }
        if !self.shut {
            let _ = ready!(Pin::new(&mut self.socket).poll_shutdown(cx));
            self.shut = true;
        }
        for _ in 0..DISCARD_ROUNDS {
            let mut scratch = Zeroizing::new([0; DISCARD]);
            let mut scratch = ReadBuf::new(&mut *scratch);
            match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut scratch)) {
                Ok(()) if !scratch.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(ending) = this.connection.ending() {
            return this.poll_ending(cx, ending);
        }
        if this.connection.is_blocked() {
            // No waker: the pending write has one, and `poll_write` asks for another turn when it gets through.
            return Poll::Pending;
        }
        this.connection.read_by(cx.waker());
        let room = match this.connection.room() {
            Room::Bytes(bytes) => bytes,
            Room::Later => return Poll::Pending,
            Room::AfterParsing => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Room::Never => {
                this.connection.end(Ending::HugeHead);
                return this.poll_ending(cx, Ending::HugeHead);
            }
        };
        let before = buf.filled().len();
        if room >= buf.remaining() {
            ready!(Pin::new(&mut this.socket).poll_read(cx, buf))?;
        } else {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
            ready!(Pin::new(&mut this.socket).poll_read(cx, &mut part))?;
            let read = part.filled().len();
            buf.advance(read);
        }
        this.connection.read(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.socket).poll_write(cx, buf) {
            Poll::Ready(Ok(written)) => {
                if this.connection.wrote(written) {
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                this.connection.write_blocked();
                Poll::Pending
            }
        }
    }

    /// The dispatcher flushes the stream only after it wrote all it had, and at each of its turns. A socket has nothing to flush;
    /// TLS has what the socket did not take yet.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.socket).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                if this.connection.flushed() {
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                this.connection.write_blocked();
                Poll::Pending
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
