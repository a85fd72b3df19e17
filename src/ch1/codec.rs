//! Messages on the stream, in larger pieces than tonic makes by itself.

use core::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstDecoder, ProstEncoder};

/// Room of a piece, and its length from which on it leaves: many reports go in one write, and none makes the room grow.
const PIECE: usize = 64 * 1024;
const FULL: usize = 56 * 1024;

/// Protobuf, as tonic's own codec has it.
#[derive(Debug)]
pub(crate) struct InPieces<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for InPieces<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for InPieces<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(PIECE, FULL))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(PIECE, FULL))
    }
}
