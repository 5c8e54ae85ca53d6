/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * @file fm_crypto.h
 * The services of cryptography, as a part of the boundary between an FM and the card (k7/fm_abi.h): numbers, limits,
 * key types, mechanisms. Shared by card/ and fmsdk/.
 *
 * Keys are named by handles of the FM's own, which end with the firmware. Material stays in the card unless a key is
 * K7_FM_KEY_EXTRACTABLE. A result < 0x80000000 is success.
 */
#ifndef K7_FM_CRYPTO_H
#define K7_FM_CRYPTO_H

#include "k7/fm_abi.h"

/* ---- Services -------------------------------------------------------------- */

#define K7_FM_SVC_CRYPTO_FIRST 64
#define K7_FM_SVC_DIGEST 64        /* (hash, data, length, digest, room) -> bytes of digest */
#define K7_FM_SVC_DIGEST_OPEN 65   /* (hash, key handle for HMAC or 0, uint32_t *object) -> 0 */
#define K7_FM_SVC_DIGEST_UPDATE 66 /* (object, data, length) -> 0 */
#define K7_FM_SVC_DIGEST_FINAL 67  /* (object, digest, room) -> bytes; the object is closed, unless room is too small */
#define K7_FM_SVC_DIGEST_CLOSE 68  /* (object) -> 0 */
#define K7_FM_SVC_KEY_GENERATE 72  /* (const struct k7_fm_key *, uint32_t *handle) -> 0 */
#define K7_FM_SVC_KEY_IMPORT 73    /* (const struct k7_fm_key *, material, length, uint32_t *handle) -> 0 */
#define K7_FM_SVC_KEY_EXPORT 74    /* (handle, material, room) -> bytes; keys with K7_FM_KEY_EXTRACTABLE only */
#define K7_FM_SVC_KEY_PUBLIC 75    /* (handle, SubjectPublicKeyInfo in DER, room) -> bytes */
#define K7_FM_SVC_KEY_INFO 76      /* (handle, struct k7_fm_key *) -> 0 */
#define K7_FM_SVC_KEY_DELETE 77    /* (handle) -> 0 */
#define K7_FM_SVC_KEY_DERIVE 78    /* (const struct k7_fm_operation *, const struct k7_fm_key *, uint32_t *handle) -> 0 */
#define K7_FM_SVC_KEY_STORE 79     /* (handle, path) -> 0, or an SMFS error; the path must be free */
#define K7_FM_SVC_KEY_LOAD 80      /* (path, uint32_t *handle) -> 0, or an SMFS error */
#define K7_FM_SVC_ENCRYPT 84       /* (const struct k7_fm_operation *) -> bytes of output */
#define K7_FM_SVC_DECRYPT 85       /* (const struct k7_fm_operation *) -> bytes of output */
#define K7_FM_SVC_SIGN 86          /* (const struct k7_fm_operation *) -> bytes of output */
#define K7_FM_SVC_VERIFY 87        /* (const struct k7_fm_operation *) -> 0; its output is the signature, and is read */

/* Results, beside those of k7/fm_abi.h. */
#define K7_FM_E_BAD_HANDLE K7_FM_U(0x80000008)      /* no such key or digest object of this FM */
#define K7_FM_E_BAD_PARAMETER K7_FM_U(0x80000009)   /* a number, flag or key that there is not */
#define K7_FM_E_BAD_MECHANISM K7_FM_U(0x8000000a)   /* not with this key, or not for this operation */
#define K7_FM_E_NOT_EXTRACTABLE K7_FM_U(0x8000000b) /* the key stays in the card */
#define K7_FM_E_BAD_SIGNATURE K7_FM_U(0x8000000c)   /* signature, tag or padding: not made with this key and data */
#define K7_FM_E_BAD_KEY_OBJECT K7_FM_U(0x8000000d)  /* the file holds no key that this card stored for this FM */
#define K7_FM_E_LAST K7_FM_E_BAD_KEY_OBJECT

/* ---- Limits ---------------------------------------------------------------- */

/** Keys and digest objects that one FM has at the same time. */
#define K7_FM_KEYS_MAX 64
#define K7_FM_DIGESTS_MAX 16
/** Largest input of one service in bytes; longer data are digested in pieces. */
#define K7_FM_DATA_MAX K7_FM_U(0x00100000)
/** Largest key material in bytes, imported or exported. */
#define K7_FM_KEY_MATERIAL_MAX K7_FM_U(0x1000)
/** Largest K7_FM_KEY_SECRET in bytes. */
#define K7_FM_KEY_SECRET_MAX K7_FM_U(512)
/** Hashes (FIPS 180-4). */
#define K7_FM_HASH_SHA256 1
#define K7_FM_HASH_SHA384 2
#define K7_FM_HASH_SHA512 3

/** Key types, each with its sizes in bits. */
#define K7_FM_KEY_AES 1     /* 128, 192, 256; material: the key */
#define K7_FM_KEY_SECRET 2  /* whole bytes, at most K7_FM_KEY_SECRET_MAX: for HMAC and derivation; material: the bytes */
#define K7_FM_KEY_EC 3      /* 256: P-256, 384: P-384; material: PKCS #8 in DER */
#define K7_FM_KEY_ED25519 4 /* 256; material: PKCS #8 in DER */
#define K7_FM_KEY_RSA 5     /* 2048, 3072, 4096; material: PKCS #8 in DER */

/** Flags of a key. */
#define K7_FM_KEY_EXTRACTABLE K7_FM_U(1) /* KEY_EXPORT gives its material */
#define K7_FM_KEY_PUBLIC K7_FM_U(2)      /* only a public key; material: SubjectPublicKeyInfo in DER */

/**
 * Mechanisms: a family, and a hash where the family needs one. With K7_FM_MECH_DIGESTED the input of a signature is
 * the digest already.
 */
#define K7_FM_MECH(family, hash) ((family) | (hash) << 8)
#define K7_FM_MECH_FAMILY(mechanism) ((mechanism) & K7_FM_U(0xff))
#define K7_FM_MECH_HASH(mechanism) ((mechanism) >> 8 & K7_FM_U(0xff))
#define K7_FM_MECH_DIGESTED K7_FM_U(0x10000)
#define K7_FM_MECH_AES_CBC 1     /* iv: 16 bytes; input: whole blocks */
#define K7_FM_MECH_AES_CBC_PAD 2 /* iv: 16 bytes; padding of PKCS #7 */
#define K7_FM_MECH_AES_CTR 3     /* iv: 16 bytes, the first counter block */
#define K7_FM_MECH_AES_GCM 4     /* iv: 12 bytes, never twice with a key; aad; the tag of 16 bytes is the output's end */
#define K7_FM_MECH_HMAC 5        /* hash; sign and verify (FIPS 198-1) */
#define K7_FM_MECH_ECDSA 6       /* hash; signature: r and s, each as long as the key */
#define K7_FM_MECH_EDDSA 7       /* Ed25519 (RFC 8032) */
#define K7_FM_MECH_RSA_PKCS1 8   /* hash; signatures only (RFC 8017, 8.2) */
#define K7_FM_MECH_RSA_PSS 9     /* hash, also of MGF1; salt as long as the hash (RFC 8017, 8.1) */
#define K7_FM_MECH_RSA_OAEP 10   /* hash, also of MGF1; label empty; encrypt and decrypt (RFC 8017, 7.1) */
#define K7_FM_MECH_ECDH 11       /* derive; input: the peer's SubjectPublicKeyInfo; hash: as HKDF, 0: the secret itself */
#define K7_FM_MECH_HKDF 12       /* hash; derive (RFC 5869) from a K7_FM_KEY_SECRET; iv: salt, aad: info */

/* ---- Structures ------------------------------------------------------------ */

#ifndef __ASSEMBLER__

/** What a key is. */
struct k7_fm_key {
    uint32_t type;     /**< K7_FM_KEY_AES ... */
    uint32_t bits;     /**< size; 0 in an import: what the material says */
    uint32_t flags;    /**< K7_FM_KEY_EXTRACTABLE, K7_FM_KEY_PUBLIC */
    uint32_t reserved; /**< 0 */
};

/** Bytes in the FM's memory. */
struct k7_fm_bytes {
    uint32_t address;
    uint32_t length;
};

/** What to do with a key and data; output may overlap everything else. */
struct k7_fm_operation {
    uint32_t key;             /**< handle */
    uint32_t mechanism;       /**< K7_FM_MECH(...) */
    struct k7_fm_bytes iv;    /**< as the mechanism says; else of length 0 */
    struct k7_fm_bytes aad;   /**< as the mechanism says; else of length 0 */
    struct k7_fm_bytes input; /**< at most K7_FM_DATA_MAX bytes */
    struct k7_fm_bytes output;
};

K7_FM_ASSERT(sizeof(struct k7_fm_key) == 16, "the description of a key is 16 bytes on every side");
K7_FM_ASSERT(sizeof(struct k7_fm_operation) == 40, "an operation is 40 bytes on every side");

#endif /* __ASSEMBLER__ */

#endif /* K7_FM_CRYPTO_H */
