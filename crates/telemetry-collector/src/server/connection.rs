//! One connection, with deadlines for what the other side may keep waiting for.
//!
//! An idle connection may stay for a minute, because clients keep one open between events. As soon as a request has
//! begun, its head has to be complete within [`HEAD_WAIT`]; a body's deadline is its handler's. What is written has to be
//! read: a reader that takes nothing for [`WRITE_WAIT`] is cut. So nobody can hold a connection by being slow.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// From the first byte of a request's head to its last.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long nothing of an answer may be read.
const WRITE_WAIT: Duration = Duration::from_secs(30);

/// Whether a connection's request is being answered, known to both its stream and its service.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU64);

impl Progress {
    /// A request was read, and its answer is awaited.
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The answer is there.
    pub(super) fn end(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that differs from request to request; odd while one is being answered.
    fn moment(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream whose other side has deadlines.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    progress: Arc<Progress>,
    /// Until when the head must be complete that began at a moment.
    head: Option<(u64, Instant)>,
    /// Until when something must be read of what is written.
    written: Option<Instant>,
    /// Made when there is something to wait for; most requests arrive whole.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>) -> Self {
        Self { stream, progress, head: None, written: None, alarm: None }
    }

    /// Sees to it that the task is woken at `due`; an error if that has passed.
    fn wait_until(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<io::Error> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf)?;
        let moment = self.progress.moment();
        if moment % 2 == 1 {
            return polled.map(Ok);
        }
        let due = self.head.filter(|(begun, _)| *begun == moment).map(|(_, due)| due);
        match (polled, due) {
            (Poll::Ready(()), None) if buf.filled().len() > before => {
                self.head = Some((moment, Instant::now() + HEAD_WAIT));
                Poll::Ready(Ok(()))
            }
            // One byte now and then must not put the deadline off.
            (Poll::Ready(()), Some(due)) if Instant::now() >= due => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            (Poll::Ready(()), _) => Poll::Ready(Ok(())),
            (Poll::Pending, Some(due)) => self.wait_until(due, cx).map(Err),
            (Poll::Pending, None) => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> Paced<S> {
    fn written<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(result) => {
                self.written = None;
                Poll::Ready(result)
            }
            Poll::Pending => {
                let due = *self.written.get_or_insert_with(|| Instant::now() + WRITE_WAIT);
                self.wait_until(due, cx).map(Err)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(polled, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn pair(buffer: usize) -> (Paced<DuplexStream>, DuplexStream, Arc<Progress>) {
        let (ours, theirs) = duplex(buffer);
        let progress = Arc::new(Progress::default());
        (Paced::new(ours, Arc::clone(&progress)), theirs, progress)
    }

    async fn read_one(stream: &mut Paced<DuplexStream>) -> io::Result<usize> {
        stream.read(&mut [0; 1]).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_is_cut() {
        let (mut stream, mut other, _) = pair(64);
        let sender = tokio::spawn(async move {
            // A byte a second, for as long as somebody takes it.
            while other.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let begun = Instant::now();
        let error = loop {
            if let Err(error) = read_one(&mut stream).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), HEAD_WAIT.as_secs());
        drop(stream);
        sender.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_and_one_that_is_being_answered_have_no_such_deadline() {
        let (mut stream, mut other, progress) = pair(64);
        for _ in 0..3 {
            other.write_all(b"x").await.unwrap();
            assert_eq!(read_one(&mut stream).await.unwrap(), 1);
            progress.begin();
            tokio::time::timeout(HEAD_WAIT * 5, read_one(&mut stream)).await.unwrap_err();
            progress.end();
            tokio::time::timeout(HEAD_WAIT * 5, read_one(&mut stream)).await.unwrap_err();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_is_cut() {
        let (mut stream, other, _) = pair(4);
        let begun = Instant::now();
        assert_eq!(stream.write_all(&[0; 100]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), WRITE_WAIT.as_secs());
        drop(other);
    }
}
