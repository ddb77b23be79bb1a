//! The certificate that SNS signs with. It is Amazon's because it was fetched from Amazon's address over HTTPS.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use webpki::EndEntityCert;

/// A certificate with an RSA key.
pub(super) struct Certificate(CertificateDer<'static>);

impl Certificate {
    /// The first certificate of a PEM file.
    pub(super) fn from_pem(pem: &[u8]) -> Option<Self> {
        let certificate = CertificateDer::from_pem_slice(pem).ok()?;
        EndEntityCert::try_from(&certificate).ok()?;
        Some(Self(certificate))
    }

    /// Whether this is its signature of `text`: SHA-1 in SNS's version 1, SHA-256 in version 2.
    pub(super) fn has_signed(&self, version: &str, text: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn SignatureVerificationAlgorithm = match version {
            "1" => &RsaWithSha1,
            "2" => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        EndEntityCert::try_from(&self.0)
            .is_ok_and(|certificate| certificate.verify_signature(algorithm, text, signature).is_ok())
    }
}

/// RSA PKCS#1 v1.5 with SHA-1. webpki omits it, since certificates may no longer be signed with it. SNS's topics use it
/// until they are set to version 2.
#[derive(Debug)]
struct RsaWithSha1;

impl SignatureVerificationAlgorithm for RsaWithSha1 {
    fn verify_signature(&self, key: &[u8], text: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        ring::signature::UnparsedPublicKey::new(
            &ring::signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            key,
        )
        .verify(text, signature)
        .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    /// sha1WithRSAEncryption (RFC 3279) with its NULL.
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(&[
            0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
        ])
    }
}
