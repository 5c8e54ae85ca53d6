/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crypto: the services of cryptography against known answers, and against each other. FM ID a0e0.
 *   self            "ok N", status 0, or the failed checks, status 1
 *   rsa BITS        makes an RSA key of so many bits, signs and decrypts with it; as self
 *   keep            makes a P-256 key, stores it as /signer; replies its SubjectPublicKeyInfo
 *   sign TEXT       loads /signer; replies the ECDSA signature over TEXT
 *   overwork        asks for more than one call may: fault "budget"
 */
#include "text.h"
#include <stdlib.h>

DEFINE_FM_HEADER(0xa0e0, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "crypto");

static struct report report;

/* Bytes from hexadecimal text. Two results live at the same time. */
static const uint8_t *hex(const char *text)
{
    static uint8_t buffers[2][128];
    static unsigned turn;
    uint8_t *bytes = buffers[turn++ & 1];
    for (size_t i = 0; text[2 * i] != '\0'; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return bytes;
}

#define HEX(text) hex(text), (sizeof(text) - 1) / 2

static void check_bytes(const char *what, const void *got, uint32_t size, const uint8_t *wanted, uint32_t wanted_size)
{
    report.checks++;
    if (size == wanted_size && memcmp(got, wanted, size) == 0)
        return;
    report.failures++;
    report_line(&report, "failed: %s differs from its known answer (%lu bytes)\n", what, (unsigned long)size);
}

/* FIPS 180-4, "abc". */
#define ABC_SHA384 \
    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
#define ABC_SHA512 \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
/* RFC 4231, test case 2. */
#define JEFE_SHA256 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

static void check_digests(void)
{
    uint8_t digest[FM_DIGEST_MAX];
    uint32_t size = sizeof digest;
    CHECK_EQUAL(&report, FMDigest(FM_SHA384, "abc", 3, digest, &size), FMSW_OK);
    check_bytes("SHA-384", digest, size, HEX(ABC_SHA384));
    size = sizeof digest;
    CHECK_EQUAL(&report, FMDigest(FM_SHA512, "abc", 3, digest, &size), FMSW_OK);
    check_bytes("SHA-512", digest, size, HEX(ABC_SHA512));
    size = 63;
    CHECK_EQUAL(&report, FMDigest(FM_SHA512, "abc", 3, digest, &size), FMSW_BAD_LENGTH);
    CHECK_EQUAL(&report, size, 0);
    CHECK_EQUAL(&report, FMDigest(4, "abc", 3, digest, &size), FM_BAD_PARAMETER);
}

static void check_pieces(void)
{
    uint8_t digest[FM_DIGEST_MAX];
    uint32_t size = 10;
    FM_DIGEST object;
    CHECK_EQUAL(&report, FMDigestOpen(&object, FM_SHA512, 0), FMSW_OK);
    CHECK_EQUAL(&report, FMDigestUpdate(object, "a", 1), FMSW_OK);
    CHECK_EQUAL(&report, FMDigestUpdate(object, "", 0), FMSW_OK);
    CHECK_EQUAL(&report, FMDigestUpdate(object, "bc", 2), FMSW_OK);
    CHECK_EQUAL(&report, FMDigestFinal(object, digest, &size), FMSW_BAD_LENGTH);
    size = sizeof digest;
    CHECK_EQUAL(&report, FMDigestFinal(object, digest, &size), FMSW_OK);
    check_bytes("SHA-512 in pieces", digest, size, HEX(ABC_SHA512));
    CHECK_EQUAL(&report, FMDigestUpdate(object, "a", 1), FM_BAD_HANDLE);
    CHECK_EQUAL(&report, FMDigestClose(object), FM_BAD_HANDLE);
}

static void check_hmac(void)
{
    static const char question[] = "what do ya want for nothing?";
    uint8_t mac[FM_DIGEST_MAX];
    uint32_t size = sizeof mac;
    FM_KEY key;
    FM_DIGEST object;
    CHECK_EQUAL(&report, FMKeyImport(&key, FM_KEY_SECRET, 0, "Jefe", 4), FMSW_OK);
    CHECK_EQUAL(&report, FMSign(key, FM_HMAC(FM_SHA256), question, sizeof question - 1, mac, &size), FMSW_OK);
    check_bytes("HMAC", mac, size, HEX(JEFE_SHA256));
    CHECK_EQUAL(&report, FMVerify(key, FM_HMAC(FM_SHA256), question, sizeof question - 1, mac, size), FMSW_OK);
    mac[31] ^= 1;
    CHECK_EQUAL(&report, FMVerify(key, FM_HMAC(FM_SHA256), question, sizeof question - 1, mac, size), FM_BAD_SIGNATURE);
    CHECK_EQUAL(&report, FMDigestOpen(&object, FM_SHA256, key), FMSW_OK);
    CHECK_EQUAL(&report, FMDigestUpdate(object, question, sizeof question - 1), FMSW_OK);
    size = sizeof mac;
    CHECK_EQUAL(&report, FMDigestFinal(object, mac, &size), FMSW_OK);
    check_bytes("HMAC in pieces", mac, size, HEX(JEFE_SHA256));
    CHECK_EQUAL(&report, FMKeyDelete(key), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyDelete(key), FM_BAD_HANDLE);
}

/* NIST SP 800-38A F.2.1 and F.5.1; the GCM specification's test case 2. */
static const struct cipher {
    uint32_t mechanism;
    const char *key, *iv, *plain, *cipher;
    uint32_t iv_size, size, cipher_size;
} ciphers[] = {
    {FM_AES_CBC, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172a", "7649abac8119b246cee98e9b12e9197d", 16, 16, 16},
    {FM_AES_CTR, "2b7e151628aed2a6abf7158809cf4f3c", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "6bc1bee22e409f96e93d7e117393172a", "874d6191b620e3261bef6864990db6ce", 16, 16, 16},
    {FM_AES_GCM, "00000000000000000000000000000000", "000000000000000000000000", "00000000000000000000000000000000",
     "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf", 12, 16, 32},
};

static void check_cipher(const struct cipher *cipher)
{
    uint8_t iv[16], data[64];
    uint32_t size = sizeof data;
    FM_KEY key;
    CHECK_EQUAL(&report, FMKeyImport(&key, FM_KEY_AES, 0, hex(cipher->key), 16), FMSW_OK);
    memcpy(iv, hex(cipher->iv), cipher->iv_size);
    memcpy(data, hex(cipher->plain), cipher->size);
    CHECK_EQUAL(&report, FMEncrypt(key, cipher->mechanism, iv, cipher->iv_size, NULL, 0, data, cipher->size, data, &size),
                FMSW_OK);
    check_bytes("a cipher", data, size, hex(cipher->cipher), cipher->cipher_size);
    uint32_t plain = sizeof data;
    CHECK_EQUAL(&report, FMDecrypt(key, cipher->mechanism, iv, cipher->iv_size, NULL, 0, data, size, data, &plain),
                FMSW_OK);
    check_bytes("what was decrypted", data, plain, hex(cipher->plain), cipher->size);
    size = sizeof data;
    CHECK_EQUAL(&report, FMEncrypt(key, cipher->mechanism, iv, 11, NULL, 0, data, 16, data, &size), FMSW_BAD_LENGTH);
    FMKeyDelete(key);
}

static void check_gcm_tag_and_padding(void)
{
    static const uint8_t iv[16];
    uint8_t sealed[64];
    uint32_t size = sizeof sealed, plain = sizeof sealed;
    FM_KEY key;
    CHECK_EQUAL(&report, FMKeyGenerate(&key, FM_KEY_AES, 256, 0), FMSW_OK);
    CHECK_EQUAL(&report, FMEncrypt(key, FM_AES_GCM, iv, 12, "aad", 3, "secret", 6, sealed, &size), FMSW_OK);
    CHECK_EQUAL(&report, size, 22);
    CHECK_EQUAL(&report, FMDecrypt(key, FM_AES_GCM, iv, 12, "aae", 3, sealed, size, sealed, &plain), FM_BAD_SIGNATURE);
    plain = sizeof sealed;
    CHECK_EQUAL(&report, FMDecrypt(key, FM_AES_GCM, iv, 12, "aad", 3, sealed, size, sealed, &plain), FMSW_OK);
    check_bytes("what GCM sealed", sealed, plain, (const uint8_t *)"secret", 6);
    size = sizeof sealed;
    CHECK_EQUAL(&report, FMEncrypt(key, FM_AES_CBC_PAD, iv, 16, NULL, 0, "secret", 6, sealed, &size), FMSW_OK);
    CHECK_EQUAL(&report, size, 16);
    plain = sizeof sealed;
    CHECK_EQUAL(&report, FMDecrypt(key, FM_AES_CBC_PAD, iv, 16, NULL, 0, sealed, size, sealed, &plain), FMSW_OK);
    check_bytes("what CBC padded", sealed, plain, (const uint8_t *)"secret", 6);
    size = sizeof sealed;
    CHECK_EQUAL(&report, FMEncrypt(key, FM_AES_CBC, iv, 16, NULL, 0, "secret", 6, sealed, &size), FMSW_BAD_LENGTH);
    FMKeyDelete(key);
}

/* RFC 6979 A.2.5: public key and a signature over "sample" with SHA-256. */
#define P256_PUBLIC                                                                                                    \
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004"                                                           \
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                                                 \
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define P256_SAMPLE                                                                                                    \
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"                                                 \
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
/* RFC 8032 7.1, test 1: the key as PKCS #8, and its signature over nothing. */
#define ED25519_PRIVATE                                                                                                \
    "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define ED25519_NOTHING                                                                                                \
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"                                                 \
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"

static void check_known_signatures(void)
{
    uint8_t signature[FM_SIGNATURE_MAX];
    uint32_t size = sizeof signature;
    FM_KEY key;
    CHECK_EQUAL(&report, FMKeyImport(&key, FM_KEY_EC, FM_KEY_PUBLIC, HEX(P256_PUBLIC)), FMSW_OK);
    CHECK_EQUAL(&report, FMVerify(key, FM_ECDSA(FM_SHA256), "sample", 6, HEX(P256_SAMPLE)), FMSW_OK);
    CHECK_EQUAL(&report, FMVerify(key, FM_ECDSA(FM_SHA256), "simple", 6, HEX(P256_SAMPLE)), FM_BAD_SIGNATURE);
    CHECK_EQUAL(&report, FMSign(key, FM_ECDSA(FM_SHA256), "sample", 6, signature, &size), FM_BAD_MECHANISM);
    FMKeyDelete(key);
    CHECK_EQUAL(&report, FMKeyImport(&key, FM_KEY_ED25519, 0, HEX(ED25519_PRIVATE)), FMSW_OK);
    size = sizeof signature;
    CHECK_EQUAL(&report, FMSign(key, FM_EDDSA, "", 0, signature, &size), FMSW_OK);
    check_bytes("Ed25519", signature, size, HEX(ED25519_NOTHING));
    CHECK_EQUAL(&report, FMVerify(key, FM_EDDSA, "", 0, HEX(ED25519_NOTHING)), FMSW_OK);
    CHECK_EQUAL(&report, FMVerify(key, FM_EDDSA, "x", 1, HEX(ED25519_NOTHING)), FM_BAD_SIGNATURE);
    FMKeyDelete(key);
}

/* Sign with a private key, verify with its exported public half. */
static void check_pair(FM_KEY key, uint32_t type, uint32_t mechanism)
{
    static uint8_t signature[FM_SIGNATURE_MAX], der[FM_PUBLIC_KEY_MAX];
    uint32_t size = sizeof signature, der_size = sizeof der;
    FM_KEY public;
    CHECK_EQUAL(&report, FMSign(key, mechanism, "message", 7, signature, &size), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyPublic(key, der, &der_size), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyImport(&public, type, FM_KEY_PUBLIC, der, der_size), FMSW_OK);
    CHECK_EQUAL(&report, FMVerify(public, mechanism, "message", 7, signature, size), FMSW_OK);
    signature[size - 1] ^= 1;
    CHECK_EQUAL(&report, FMVerify(public, mechanism, "message", 7, signature, size), FM_BAD_SIGNATURE);
    CHECK_EQUAL(&report, FMVerify(public, mechanism, "message", 7, signature, size - 1), FM_BAD_SIGNATURE);
    FMKeyDelete(public);
}

static void check_pairs(void)
{
    uint8_t digest[FM_SHA256_SIZE], signature[FM_SIGNATURE_MAX];
    uint32_t size = sizeof signature;
    FM_KEY key;
    CHECK_EQUAL(&report, FMKeyGenerate(&key, FM_KEY_EC, 384, 0), FMSW_OK);
    check_pair(key, FM_KEY_EC, FM_ECDSA(FM_SHA384));
    FMKeyDelete(key);
    CHECK_EQUAL(&report, FMKeyGenerate(&key, FM_KEY_ED25519, 256, 0), FMSW_OK);
    check_pair(key, FM_KEY_ED25519, FM_EDDSA);
    FMKeyDelete(key);
    CHECK_EQUAL(&report, FMKeyGenerate(&key, FM_KEY_EC, 256, 0), FMSW_OK);
    check_pair(key, FM_KEY_EC, FM_ECDSA(FM_SHA256));
    FMSha256("message", 7, digest);
    CHECK_EQUAL(&report, FMSign(key, FM_ECDSA(FM_SHA256) | FM_DIGESTED, digest, 32, signature, &size), FMSW_OK);
    CHECK_EQUAL(&report, FMVerify(key, FM_ECDSA(FM_SHA256), "message", 7, signature, size), FMSW_OK);
    CHECK_EQUAL(&report, FMSign(key, FM_ECDSA(FM_SHA256) | FM_DIGESTED, digest, 31, signature, &size), FMSW_BAD_LENGTH);
    CHECK_EQUAL(&report, FMSign(key, FM_EDDSA, "x", 1, signature, &size), FM_BAD_MECHANISM);
    CHECK_EQUAL(&report, FMSign(key, FM_ECDSA(0), "x", 1, signature, &size), FM_BAD_PARAMETER);
    FMKeyDelete(key);
}

/* RFC 5869, test case 1. */
static void check_hkdf(void)
{
    uint8_t material[42];
    uint32_t size = sizeof material;
    FM_KEY root, derived;
    CHECK_EQUAL(&report, FMKeyImport(&root, FM_KEY_SECRET, 0, HEX("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b")),
                FMSW_OK);
    CHECK_EQUAL(&report,
                FMKeyDerive(root, FM_SHA256, HEX("000102030405060708090a0b0c"), HEX("f0f1f2f3f4f5f6f7f8f9"), &derived,
                            FM_KEY_SECRET, 336, FM_KEY_EXTRACTABLE),
                FMSW_OK);
    CHECK_EQUAL(&report, FMKeyExport(derived, material, &size), FMSW_OK);
    check_bytes("HKDF", material, size,
                HEX("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
    FMKeyDelete(derived);
    CHECK_EQUAL(&report, FMKeyDerive(root, FM_SHA256, NULL, 0, NULL, 0, &derived, FM_KEY_AES, 100, 0),
                FM_BAD_PARAMETER);
    FMKeyDelete(root);
}

/* Both sides of an agreement derive the same key; nobody's private key agrees with a point on another curve. */
static void check_agreement(uint32_t bits, uint32_t other_bits)
{
    static uint8_t der[2][FM_PUBLIC_KEY_MAX], secret[2][48];
    uint32_t size[2] = {sizeof der[0], sizeof der[1]};
    FM_KEY pair[2], agreed, other;
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(&report, FMKeyGenerate(&pair[i], FM_KEY_EC, bits, 0), FMSW_OK);
        CHECK_EQUAL(&report, FMKeyPublic(pair[i], der[i], &size[i]), FMSW_OK);
    }
    for (int i = 0; i < 2; i++) {
        uint32_t length = sizeof secret[i];
        CHECK_EQUAL(&report,
                    FMKeyAgree(pair[i], FM_ECDH_HKDF(FM_SHA256), der[1 - i], size[1 - i], "test", 4, &agreed,
                               FM_KEY_AES, 256, FM_KEY_EXTRACTABLE),
                    FMSW_OK);
        CHECK_EQUAL(&report, FMKeyExport(agreed, secret[i], &length), FMSW_OK);
        CHECK_EQUAL(&report, length, 32);
        FMKeyDelete(agreed);
    }
    CHECK(&report, memcmp(secret[0], secret[1], 32) == 0);
    CHECK_EQUAL(&report, FMKeyAgree(pair[0], FM_ECDH, der[1], size[1], NULL, 0, &agreed, FM_KEY_SECRET, bits, 0),
                FMSW_OK);
    FMKeyDelete(agreed);
    CHECK_EQUAL(&report, FMKeyGenerate(&other, FM_KEY_EC, other_bits, 0), FMSW_OK);
    size[1] = sizeof der[1];
    FMKeyPublic(other, der[1], &size[1]);
    CHECK_EQUAL(&report, FMKeyAgree(pair[0], FM_ECDH, der[1], size[1], NULL, 0, &agreed, FM_KEY_SECRET, 0, 0),
                FM_BAD_PARAMETER);
    FMKeyDelete(other), FMKeyDelete(pair[0]), FMKeyDelete(pair[1]);
}

static void check_rules_of_keys(void)
{
    uint8_t material[600];
    uint32_t size = sizeof material;
    struct k7_fm_key info;
    FM_KEY key, again;
    CHECK_EQUAL(&report, FMKeyGenerate(&key, FM_KEY_EC, 256, 0), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyExport(key, material, &size), FM_NOT_EXTRACTABLE);
    CHECK_EQUAL(&report, FMKeyInfo(key, &info), FMSW_OK);
    CHECK(&report, info.type == FM_KEY_EC && info.bits == 256 && info.flags == 0);
    FMKeyDelete(key);
    CHECK_EQUAL(&report, FMKeyGenerate(&key, FM_KEY_EC, 256, FM_KEY_EXTRACTABLE), FMSW_OK);
    size = sizeof material;
    CHECK_EQUAL(&report, FMKeyExport(key, material, &size), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyImport(&again, FM_KEY_EC, 0, material, size), FMSW_OK);
    check_pair(again, FM_KEY_EC, FM_ECDSA(FM_SHA512));
    FMKeyDelete(again);
    CHECK_EQUAL(&report, FMKeyImport(&again, FM_KEY_EC, 0, material, size - 1), FM_BAD_PARAMETER);
    CHECK_EQUAL(&report, FMKeyImport(&again, FM_KEY_RSA, 0, material, size), FM_BAD_PARAMETER);
    CHECK_EQUAL(&report, FMKeyImport(&again, FM_KEY_AES, 0, material, 17), FM_BAD_PARAMETER);
    CHECK_EQUAL(&report, FMKeyImport(&again, FM_KEY_SECRET, 0, material, 0), FM_BAD_PARAMETER);
    CHECK_EQUAL(&report, FMKeyGenerate(&again, FM_KEY_RSA, 1024, 0), FM_BAD_PARAMETER);
    CHECK_EQUAL(&report, FMKeyGenerate(&again, FM_KEY_EC, 256, FM_KEY_PUBLIC), FM_BAD_PARAMETER);
    CHECK_EQUAL(&report, FMKeyGenerate(&again, FM_KEY_EC, 256, 4), FM_BAD_PARAMETER);
    FMKeyDelete(key);
}

static void check_limits(void)
{
    FM_KEY keys[K7_FM_KEYS_MAX], more;
    FM_DIGEST digests[K7_FM_DIGESTS_MAX], another;
    for (int i = 0; i < K7_FM_KEYS_MAX; i++)
        CHECK_EQUAL(&report, FMKeyGenerate(&keys[i], FM_KEY_AES, 128, 0), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyGenerate(&more, FM_KEY_AES, 128, 0), FMSW_INSUFFICIENT_RESOURCES);
    for (int i = 0; i < K7_FM_KEYS_MAX; i++)
        CHECK_EQUAL(&report, FMKeyDelete(keys[i]), FMSW_OK);
    for (int i = 0; i < K7_FM_DIGESTS_MAX; i++)
        CHECK_EQUAL(&report, FMDigestOpen(&digests[i], FM_SHA256, 0), FMSW_OK);
    CHECK_EQUAL(&report, FMDigestOpen(&another, FM_SHA256, 0), FMSW_INSUFFICIENT_RESOURCES);
    for (int i = 0; i < K7_FM_DIGESTS_MAX; i++)
        CHECK_EQUAL(&report, FMDigestClose(digests[i]), FMSW_OK);
}

/* A key object is a file in which nothing of the key can be read, and that no other bytes can stand for. */
static void check_key_objects(void)
{
    static uint8_t content[256];
    static const uint8_t material[32] = "a secret that must not be seen!!";
    SmFsAttr attr = {0, 0};
    SMFS_HANDLE file;
    FM_KEY key, loaded;
    CHECK_EQUAL(&report, FMKeyImport(&key, FM_KEY_SECRET, FM_KEY_EXTRACTABLE, material, sizeof material), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyStore(key, "/object"), FMSW_OK);
    CHECK_EQUAL(&report, FMKeyStore(key, "/object"), SMFS_ERR_EXIST);
    CHECK_EQUAL(&report, FMKeyStore(key, "/missing/object"), SMFS_ERR_NOT_FOUND);
    CHECK_EQUAL(&report, SmFsGetFileAttr("/object", &attr), SMFS_OK);
    CHECK_EQUAL(&report, SmFsOpenFile(&file, "/object"), SMFS_OK);
    CHECK_EQUAL(&report, SmFsReadFile(file, 0, content, attr.Size), SMFS_OK);
    for (uint32_t i = 0; i + sizeof material <= attr.Size; i++)
        CHECK(&report, memcmp(content + i, material, sizeof material) != 0);
    CHECK_EQUAL(&report, FMKeyLoad(&loaded, "/object"), FMSW_OK);
    FMKeyDelete(loaded);
    content[16] ^= 1; /* its flags, which are not encrypted */
    CHECK_EQUAL(&report, SmFsWriteFile(file, 0, content, attr.Size), SMFS_OK);
    CHECK_EQUAL(&report, FMKeyLoad(&loaded, "/object"), FM_BAD_KEY_OBJECT);
    SmFsCloseFile(file);
    CHECK_EQUAL(&report, SmFsDeleteFile("/object"), SMFS_OK);
    CHECK_EQUAL(&report, FMKeyLoad(&loaded, "/object"), SMFS_ERR_NOT_FOUND);
    FMKeyDelete(key);
}

static void self_test(void)
{
    check_digests();
    check_pieces();
    check_hmac();
    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++)
        check_cipher(&ciphers[i]);
    check_gcm_tag_and_padding();
    check_known_signatures();
    check_pairs();
    check_hkdf();
    check_agreement(256, 384);
    check_agreement(384, 256);
    check_rules_of_keys();
    check_limits();
    check_key_objects();
}

static void check_rsa(uint32_t bits)
{
    static uint8_t data[FM_SIGNATURE_MAX];
    uint32_t size = sizeof data, plain = sizeof data;
    FM_KEY key;
    CHECK_EQUAL(&report, FMKeyGenerate(&key, FM_KEY_RSA, bits, 0), FMSW_OK);
    check_pair(key, FM_KEY_RSA, FM_RSA_PKCS1(FM_SHA256));
    check_pair(key, FM_KEY_RSA, FM_RSA_PSS(FM_SHA512));
    CHECK_EQUAL(&report, FMEncrypt(key, FM_RSA_OAEP(FM_SHA256), NULL, 0, NULL, 0, "secret", 6, data, &size), FMSW_OK);
    CHECK_EQUAL(&report, size, bits / 8);
    CHECK_EQUAL(&report, FMDecrypt(key, FM_RSA_OAEP(FM_SHA256), NULL, 0, NULL, 0, data, size, data, &plain), FMSW_OK);
    check_bytes("what OAEP encrypted", data, plain, (const uint8_t *)"secret", 6);
    plain = sizeof data;
    CHECK_EQUAL(&report, FMDecrypt(key, FM_RSA_OAEP(FM_SHA256), NULL, 0, NULL, 0, data, size, data, &plain),
                FM_BAD_SIGNATURE);
    FMKeyDelete(key);
}

static void keep(HI_MsgHandle token)
{
    uint8_t der[FM_PUBLIC_KEY_MAX];
    uint32_t size = sizeof der;
    FM_KEY key;
    FMSW_STATUS status = FMKeyGenerate(&key, FM_KEY_EC, 256, 0);
    if (status == FMSW_OK)
        status = FMKeyStore(key, "/signer");
    if (status == FMSW_OK)
        status = FMKeyPublic(key, der, &size);
    SVC_IO_Write(token, der, status == FMSW_OK ? size : 0);
    SVC_SendReply(token, status);
}

static void sign(HI_MsgHandle token, const char *text)
{
    uint8_t signature[FM_SIGNATURE_MAX];
    uint32_t size = sizeof signature;
    FM_KEY key = 0;
    FMSW_STATUS status = FMKeyLoad(&key, "/signer");
    if (status == FMSW_OK)
        status = FMSign(key, FM_ECDSA(FM_SHA256), text, strlen(text), signature, &size);
    SVC_IO_Write(token, signature, status == FMSW_OK ? size : 0);
    SVC_SendReply(token, status);
    FMKeyDelete(key);
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[TEXT_MAX];
    FM_KEY none;
    request_text(request, length, text);
    memset(&report, 0, sizeof report);
    if (strcmp(text, "keep") == 0) {
        keep(token);
        return;
    }
    if (strncmp(text, "sign ", 5) == 0) {
        sign(token, text + 5);
        return;
    }
    while (strcmp(text, "overwork") == 0)
        FMKeyLoad(&none, "/nothing");
    if (strncmp(text, "rsa ", 4) == 0)
        check_rsa(strtoul(text + 4, NULL, 10));
    else
        self_test();
    reply_report(token, &report);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
