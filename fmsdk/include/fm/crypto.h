/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/crypto.h
 * Hashes, ciphers, signatures, and keys that never leave the card. The work is done by the card, at its own speed and
 * outside the FM's budget of instructions; services have one of their own (K7_FM_WORK_MAX). Names and shapes are k7hsm's own.
 *
 * A key is a handle. It belongs to this FM, and ends with FMKeyDelete, with the FM, or when the firmware stops; then its
 * material is wiped. FMKeyStore keeps a key in the SMFS. A key made with FM_KEY_EXTRACTABLE can be exported; that of
 * all others nobody sees, this FM least of all. An FM has at most K7_FM_KEYS_MAX keys at a time.
 *
 * Every call gives FMSW_OK or, besides what is named with it: FMSW_BAD_POINTER for memory that the FM may not use,
 * FMSW_BAD_LENGTH for a length beyond its limit or a result that the buffer does not take, FM_BAD_HANDLE for a key that
 * there is not, FMSW_INSUFFICIENT_RESOURCES for too many keys or digests, FMSW_NOT_READY when the card failed.
 *
 * A length that is passed by pointer is the buffer's room before the call and the result's length after it, 0 when the
 * call failed. Results may overlap inputs.
 */
#ifndef FM_CRYPTO_H
#define FM_CRYPTO_H

#include <fm/fmsw.h>
#include <k7/fm_crypto.h>

FM_BEGIN_DECLS

#define FM_BAD_HANDLE K7_FM_E_BAD_HANDLE
#define FM_BAD_PARAMETER K7_FM_E_BAD_PARAMETER           /**< a hash, type, size or flag that there is not */
#define FM_BAD_MECHANISM K7_FM_E_BAD_MECHANISM           /**< not with this key, or not for this */
#define FM_NOT_EXTRACTABLE K7_FM_E_NOT_EXTRACTABLE       /**< the key stays in the card */
#define FM_BAD_SIGNATURE K7_FM_E_BAD_SIGNATURE           /**< signature, tag or padding does not fit key and data */
#define FM_BAD_KEY_OBJECT K7_FM_E_BAD_KEY_OBJECT         /**< no key that this card stored for this FM */

/** Longest digest and MAC, in bytes. */
#define FM_DIGEST_MAX 64u
/** Longest signature (RSA-4096) and longest result of RSA, in bytes. */
#define FM_SIGNATURE_MAX 512u
/** Longest public key (SubjectPublicKeyInfo of RSA-4096) in bytes, rounded up. */
#define FM_PUBLIC_KEY_MAX 600u

/** Hashes of FIPS 180-4. */
#define FM_SHA256 K7_FM_HASH_SHA256
#define FM_SHA384 K7_FM_HASH_SHA384
#define FM_SHA512 K7_FM_HASH_SHA512

/** A key of this FM; never 0. */
typedef uint32_t FM_KEY;
/** A digest that grows piece by piece. */
typedef uint32_t FM_DIGEST;

/** Key types. */
#define FM_KEY_AES K7_FM_KEY_AES         /**< 128, 192 or 256 bits */
#define FM_KEY_SECRET K7_FM_KEY_SECRET   /**< for HMAC and derivation; whole bytes, 8 to 4096 bits */
#define FM_KEY_EC K7_FM_KEY_EC           /**< 256: P-256, 384: P-384 */
#define FM_KEY_ED25519 K7_FM_KEY_ED25519 /**< 256 bits */
#define FM_KEY_RSA K7_FM_KEY_RSA         /**< 2048, 3072 or 4096 bits; making one takes up to some seconds */

/** Flags of keys. */
#define FM_KEY_EXTRACTABLE K7_FM_KEY_EXTRACTABLE /**< FMKeyExport gives its material */
#define FM_KEY_PUBLIC K7_FM_KEY_PUBLIC           /**< a public key without its private half */

/**
 * Mechanisms. Signatures and MACs hash the data themselves; with FM_DIGESTED added the data are the digest already.
 */
#define FM_AES_CBC K7_FM_MECH_AES_CBC                               /**< iv of 16 bytes, whole blocks */
#define FM_AES_CBC_PAD K7_FM_MECH_AES_CBC_PAD                       /**< iv of 16 bytes, padding of PKCS #7 */
#define FM_AES_CTR K7_FM_MECH_AES_CTR                               /**< iv: the first counter block, 16 bytes */
#define FM_AES_GCM K7_FM_MECH_AES_GCM                               /**< iv of 12 bytes, never twice with one key */
#define FM_HMAC(hash) K7_FM_MECH(K7_FM_MECH_HMAC, hash)             /**< FIPS 198-1 */
#define FM_ECDSA(hash) K7_FM_MECH(K7_FM_MECH_ECDSA, hash)           /**< FIPS 186-5; r and s at full length */
#define FM_EDDSA K7_FM_MECH_EDDSA                                   /**< RFC 8032, Ed25519 */
#define FM_RSA_PKCS1(hash) K7_FM_MECH(K7_FM_MECH_RSA_PKCS1, hash)   /**< RFC 8017, 8.2 */
#define FM_RSA_PSS(hash) K7_FM_MECH(K7_FM_MECH_RSA_PSS, hash)       /**< RFC 8017, 8.1; salt as long as the hash */
#define FM_RSA_OAEP(hash) K7_FM_MECH(K7_FM_MECH_RSA_OAEP, hash)     /**< RFC 8017, 7.1; empty label */
#define FM_ECDH K7_FM_MECH_ECDH                                     /**< the shared secret itself (SP 800-56A) */
#define FM_ECDH_HKDF(hash) K7_FM_MECH(K7_FM_MECH_ECDH, hash)        /**< HKDF over the shared secret */
#define FM_HKDF(hash) K7_FM_MECH(K7_FM_MECH_HKDF, hash)             /**< RFC 5869, from an FM_KEY_SECRET */
#define FM_DIGESTED K7_FM_MECH_DIGESTED

/* ---- Digests ---------------------------------------------------------------- */

/**
 * A digest in one go.
 * @param hash   FM_SHA256 ...
 * @param digest FM_DIGEST_MAX bytes take any
 * @param size   room, then bytes
 * @return FM_BAD_PARAMETER for another hash
 */
FMSW_STATUS FMDigest(uint32_t hash, const void *data, uint32_t length, void *digest, uint32_t *size);

/** Begin a digest (@p key is 0) or an HMAC. @return FM_BAD_MECHANISM when @p key is no FM_KEY_SECRET */
FMSW_STATUS FMDigestOpen(FM_DIGEST *object, uint32_t hash, FM_KEY key);
/** Add data. */
FMSW_STATUS FMDigestUpdate(FM_DIGEST object, const void *data, uint32_t length);
/** Get the digest and close the object; it stays open when @p digest has too little room. */
FMSW_STATUS FMDigestFinal(FM_DIGEST object, void *digest, uint32_t *size);
/** Give it up. */
FMSW_STATUS FMDigestClose(FM_DIGEST object);

/* ---- Keys ------------------------------------------------------------------- */

/**
 * Make a key.
 * @param type  FM_KEY_AES ...
 * @param bits  its size
 * @param flags 0 or FM_KEY_EXTRACTABLE
 * @return FM_BAD_PARAMETER when there is no such key
 */
FMSW_STATUS FMKeyGenerate(FM_KEY *key, uint32_t type, uint32_t bits, uint32_t flags);

/**
 * Make a key from material: the key itself (AES, secrets), PKCS #8 in DER, or with FM_KEY_PUBLIC a SubjectPublicKeyInfo
 * in DER. Wipe the material afterwards.
 * @param length bytes, at most K7_FM_KEY_MATERIAL_MAX
 * @return FM_BAD_PARAMETER when it is no sound key of this type
 */
FMSW_STATUS FMKeyImport(FM_KEY *key, uint32_t type, uint32_t flags, const void *material, uint32_t length);

/** The material, as FMKeyImport takes it. @return FM_NOT_EXTRACTABLE */
FMSW_STATUS FMKeyExport(FM_KEY key, void *material, uint32_t *size);

/** The public half, as a SubjectPublicKeyInfo in DER. @return FM_BAD_MECHANISM when it has none */
FMSW_STATUS FMKeyPublic(FM_KEY key, void *der, uint32_t *size);

/** Type, size and flags. */
FMSW_STATUS FMKeyInfo(FM_KEY key, struct k7_fm_key *info);

/** Wipe a key. What was stored of it stays. */
FMSW_STATUS FMKeyDelete(FM_KEY key);

/**
 * Agree on a key with the owner of another EC key on the same curve.
 * @param key       private EC key
 * @param mechanism FM_ECDH: then @p bits is 0 or those of the curve, and there is no @p info; or FM_ECDH_HKDF(hash)
 * @param peer      SubjectPublicKeyInfo in DER
 * @param info      what the key is for (RFC 5869), at best with both parties' names
 * @param derived   receives an FM_KEY_AES or FM_KEY_SECRET
 * @return FM_BAD_MECHANISM, or FM_BAD_PARAMETER for a peer that is no point on the curve
 */
FMSW_STATUS FMKeyAgree(FM_KEY key, uint32_t mechanism, const void *peer, uint32_t peerLength, const void *info,
                       uint32_t infoLength, FM_KEY *derived, uint32_t type, uint32_t bits, uint32_t flags);

/** Derive a key from an FM_KEY_SECRET by HKDF, with salt and info as in RFC 5869. */
FMSW_STATUS FMKeyDerive(FM_KEY key, uint32_t hash, const void *salt, uint32_t saltLength, const void *info,
                        uint32_t infoLength, FM_KEY *derived, uint32_t type, uint32_t bits, uint32_t flags);

/**
 * Keep a key in the SMFS as a key object: a file of its own at @p path, encrypted with a key that no FM sees and bound
 * to this FM's ID. It can be renamed and deleted like any file; reading it gives nothing of use. The name ".k7key" in
 * the same directory is the card's.
 * @return FMSW_OK, an FMSW_ or FM_ error, or an error of the SMFS (SMFS_ERR_EXIST: delete the old object first)
 */
FMSW_STATUS FMKeyStore(FM_KEY key, const char *path);

/** Take a key object from the SMFS. @return as FMKeyStore, and FM_BAD_KEY_OBJECT */
FMSW_STATUS FMKeyLoad(FM_KEY *key, const char *path);

/* ---- Operations ------------------------------------------------------------- */

/**
 * Encrypt, with an AES mode or FM_RSA_OAEP.
 * @param iv  as the mechanism says; NULL and 0 for FM_RSA_OAEP
 * @param aad authenticated with FM_AES_GCM; else NULL and 0
 * @param out with FM_AES_GCM 16 bytes longer than @p data: the tag is at the end
 * @return FM_BAD_MECHANISM
 */
FMSW_STATUS FMEncrypt(FM_KEY key, uint32_t mechanism, const void *iv, uint32_t ivLength, const void *aad,
                      uint32_t aadLength, const void *data, uint32_t length, void *out, uint32_t *outLength);

/**
 * Decrypt. @return FM_BAD_SIGNATURE when tag or padding is wrong. With FM_AES_CBC_PAD do not tell the host which: who
 * can ask often enough decrypts by it. FM_AES_GCM has no such weakness.
 */
FMSW_STATUS FMDecrypt(FM_KEY key, uint32_t mechanism, const void *iv, uint32_t ivLength, const void *aad,
                      uint32_t aadLength, const void *data, uint32_t length, void *out, uint32_t *outLength);

/** Sign, or make a MAC. @param signature FM_SIGNATURE_MAX bytes take any. @return FM_BAD_MECHANISM */
FMSW_STATUS FMSign(FM_KEY key, uint32_t mechanism, const void *data, uint32_t length, void *signature, uint32_t *size);

/** @return FMSW_OK when the signature is right, FM_BAD_SIGNATURE when not; FM_BAD_MECHANISM. MACs in constant time. */
FMSW_STATUS FMVerify(FM_KEY key, uint32_t mechanism, const void *data, uint32_t length, const void *signature,
                     uint32_t size);

FM_END_DECLS

#endif
