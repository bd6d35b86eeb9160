//! A request's body: no longer than a body may be, no slower than it must be, and unpacked if it is packed.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use flate2::read::{GzDecoder, ZlibDecoder};
use futures_util::StreamExt;

use super::error::ApiError;
use crate::catalogue::MAX_BODY_BYTES;
use crate::ingest::envelope::EnvelopeError;

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(10);
/// A body that is too large is read on up to here, so that its sender is still there for the answer.
const READ_ON_BYTES: usize = 1 << 20;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    /// In the zlib format, as HTTP has it.
    Deflate,
}

/// Reads a JSON body.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    check_media_type(headers, "application/json", "the content type must be application/json")?;
    let coding = coding(headers)?;
    let body = in_time(body).await?;
    match coding {
        Coding::Identity => Ok(body),
        Coding::Gzip => unpack(GzDecoder::new(&body[..])),
        Coding::Deflate => unpack(ZlibDecoder::new(&body[..])),
    }
}

/// Reads what a browser sends for a form.
pub(super) async fn read_form(headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    const FORM: &str = "application/x-www-form-urlencoded";
    check_media_type(headers, FORM, "the content type must be application/x-www-form-urlencoded")?;
    match coding(headers)? {
        Coding::Identity => in_time(body).await,
        Coding::Gzip | Coding::Deflate => Err(unsupported("a form is not packed")),
    }
}

async fn in_time(body: Body) -> Result<Bytes, ApiError> {
    tokio::time::timeout(BODY_WAIT, collect(body)).await.map_err(|_| {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "slow_body", "the body took more than 10 s").closing()
    })?
}

fn check_media_type(headers: &HeaderMap, expected: &str, otherwise: &str) -> Result<(), ApiError> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case(expected) {
        true => Ok(()),
        false => Err(unsupported(otherwise)),
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, ApiError> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let coding = match codings.next().map(|coding| coding.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"" | b"identity") => Coding::Identity,
        Some(b"gzip" | b"x-gzip") => Coding::Gzip,
        Some(b"deflate") => Coding::Deflate,
        Some(_) => return Err(unsupported("a body may be packed with gzip or deflate, nothing else")),
    };
    match codings.next() {
        None => Ok(coding),
        Some(_) => Err(unsupported("a body may be packed once")),
    }
}

fn unsupported(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
}

async fn collect(body: Body) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > READ_ON_BYTES as u64 {
        return Err(too_large().closing());
    }
    let unreadable = |_| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_body", "the body could not be read to its end").closing()
    };
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(MAX_BODY_BYTES);
    let mut chunks = body.into_data_stream();
    let Some(first) = chunks.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(unreadable)?;
    // Most bodies come in one piece and need not be copied.
    if expected > 0 && first.len() == expected {
        return Ok(first);
    }
    let mut length = first.len();
    let mut bytes = BytesMut::with_capacity(expected);
    bytes.extend_from_slice(&first[..first.len().min(MAX_BODY_BYTES)]);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(unreadable)?;
        length += chunk.len();
        if length > READ_ON_BYTES {
            return Err(too_large().closing());
        }
        if length <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length > MAX_BODY_BYTES { Err(too_large()) } else { Ok(bytes.freeze()) }
}

/// Unpacks no more than a body may have: a small bomb costs as much as a large body.
fn unpack(packed: impl Read) -> Result<Bytes, ApiError> {
    let mut bytes = Vec::new();
    packed.take(MAX_BODY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|_| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "bad_body",
            "the body is not packed as its content encoding says",
        )
    })?;
    if bytes.len() > MAX_BODY_BYTES { Err(too_large()) } else { Ok(bytes.into()) }
}

fn too_large() -> ApiError {
    EnvelopeError::BodyTooLarge.into()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write;

    use axum::http::HeaderValue;
    use axum::response::IntoResponse;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use futures_util::stream;
    use tokio::time::Instant;

    use super::*;

    fn headers(coding: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        headers
    }

    async fn status(coding: &'static str, body: Vec<u8>) -> Result<Bytes, StatusCode> {
        let body = read(&headers(Some(coding)), body.into()).await;
        body.map_err(|error| error.into_response().status())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn packed_bodies_are_unpacked_up_to_the_limit() {
        let largest = vec![b' '; MAX_BODY_BYTES];
        let bomb = vec![b' '; 50 << 20];
        assert_eq!(status("gzip", gzip(b"{}")).await.unwrap(), "{}");
        assert_eq!(status("GZip", gzip(&largest)).await.unwrap(), largest);
        assert_eq!(status("deflate", zlib(b"{}")).await.unwrap(), "{}");
        assert_eq!(status("gzip", gzip(&bomb)).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(status("deflate", zlib(&bomb)).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(status("gzip", zlib(b"{}")).await, Err(StatusCode::BAD_REQUEST));
        let cut = gzip(b"{}");
        assert_eq!(status("gzip", cut[..cut.len() - 3].to_vec()).await, Err(StatusCode::BAD_REQUEST));
        assert_eq!(status("br", Vec::new()).await, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        assert_eq!(status("gzip, gzip", gzip(b"{}")).await, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        assert_eq!(status("identity", b"{}".to_vec()).await.unwrap(), "{}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let begun = Instant::now();
        let body = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
        });
        let refused = read(&headers(None), Body::from_stream(body)).await.unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(refused.headers()[header::CONNECTION], "close");
        assert_eq!(begun.elapsed(), BODY_WAIT);
    }
}
