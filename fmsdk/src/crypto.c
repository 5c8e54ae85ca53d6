/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of fm/crypto.h. */
#include <fm/crypto.h>
#include <fm/ecall.h>

#define FIRST_ERROR 0x80000000u

/* A result that is a length or an error. */
static FMSW_STATUS take_length(uint32_t result, uint32_t *length)
{
    *length = result < FIRST_ERROR ? result : 0;
    return result < FIRST_ERROR ? FMSW_OK : result;
}

static struct k7_fm_bytes bytes(const void *data, uint32_t length)
{
    return (struct k7_fm_bytes){.address = fm_address(data), .length = length};
}

FMSW_STATUS FMDigest(uint32_t hash, const void *data, uint32_t length, void *digest, uint32_t *size)
{
    return take_length(fm_ecall(K7_FM_SVC_DIGEST, hash, fm_address(data), length, fm_address(digest), *size), size);
}

FMSW_STATUS FMDigestOpen(FM_DIGEST *object, uint32_t hash, FM_KEY key)
{
    return fm_ecall(K7_FM_SVC_DIGEST_OPEN, hash, key, fm_address(object), 0, 0);
}

FMSW_STATUS FMDigestUpdate(FM_DIGEST object, const void *data, uint32_t length)
{
    return fm_ecall(K7_FM_SVC_DIGEST_UPDATE, object, fm_address(data), length, 0, 0);
}

FMSW_STATUS FMDigestFinal(FM_DIGEST object, void *digest, uint32_t *size)
{
    return take_length(fm_ecall(K7_FM_SVC_DIGEST_FINAL, object, fm_address(digest), *size, 0, 0), size);
}

FMSW_STATUS FMDigestClose(FM_DIGEST object)
{
    return fm_ecall(K7_FM_SVC_DIGEST_CLOSE, object, 0, 0, 0, 0);
}

FMSW_STATUS FMKeyGenerate(FM_KEY *key, uint32_t type, uint32_t bits, uint32_t flags)
{
    struct k7_fm_key wanted = {.type = type, .bits = bits, .flags = flags};
    return fm_ecall(K7_FM_SVC_KEY_GENERATE, fm_address(&wanted), fm_address(key), 0, 0, 0);
}

FMSW_STATUS FMKeyImport(FM_KEY *key, uint32_t type, uint32_t flags, const void *material, uint32_t length)
{
    struct k7_fm_key wanted = {.type = type, .flags = flags};
    return fm_ecall(K7_FM_SVC_KEY_IMPORT, fm_address(&wanted), fm_address(material), length, fm_address(key), 0);
}

FMSW_STATUS FMKeyExport(FM_KEY key, void *material, uint32_t *size)
{
    return take_length(fm_ecall(K7_FM_SVC_KEY_EXPORT, key, fm_address(material), *size, 0, 0), size);
}

FMSW_STATUS FMKeyPublic(FM_KEY key, void *der, uint32_t *size)
{
    return take_length(fm_ecall(K7_FM_SVC_KEY_PUBLIC, key, fm_address(der), *size, 0, 0), size);
}

FMSW_STATUS FMKeyInfo(FM_KEY key, struct k7_fm_key *info)
{
    return fm_ecall(K7_FM_SVC_KEY_INFO, key, fm_address(info), 0, 0, 0);
}

FMSW_STATUS FMKeyDelete(FM_KEY key)
{
    return fm_ecall(K7_FM_SVC_KEY_DELETE, key, 0, 0, 0, 0);
}

static FMSW_STATUS derive(const struct k7_fm_operation *operation, FM_KEY *derived, uint32_t type, uint32_t bits,
                          uint32_t flags)
{
    struct k7_fm_key wanted = {.type = type, .bits = bits, .flags = flags};
    return fm_ecall(K7_FM_SVC_KEY_DERIVE, fm_address(operation), fm_address(&wanted), fm_address(derived), 0, 0);
}

FMSW_STATUS FMKeyAgree(FM_KEY key, uint32_t mechanism, const void *peer, uint32_t peerLength, const void *info,
                       uint32_t infoLength, FM_KEY *derived, uint32_t type, uint32_t bits, uint32_t flags)
{
    struct k7_fm_operation operation = {
        .key = key, .mechanism = mechanism, .aad = bytes(info, infoLength), .input = bytes(peer, peerLength)};
    return derive(&operation, derived, type, bits, flags);
}

FMSW_STATUS FMKeyDerive(FM_KEY key, uint32_t hash, const void *salt, uint32_t saltLength, const void *info,
                        uint32_t infoLength, FM_KEY *derived, uint32_t type, uint32_t bits, uint32_t flags)
{
    struct k7_fm_operation operation = {.key = key,
                                        .mechanism = FM_HKDF(hash),
                                        .iv = bytes(salt, saltLength),
                                        .aad = bytes(info, infoLength)};
    return derive(&operation, derived, type, bits, flags);
}

FMSW_STATUS FMKeyStore(FM_KEY key, const char *path)
{
    return fm_ecall(K7_FM_SVC_KEY_STORE, key, fm_address(path), 0, 0, 0);
}

FMSW_STATUS FMKeyLoad(FM_KEY *key, const char *path)
{
    return fm_ecall(K7_FM_SVC_KEY_LOAD, fm_address(path), fm_address(key), 0, 0, 0);
}

static FMSW_STATUS transform(uint32_t service, struct k7_fm_operation operation, uint32_t *length)
{
    return take_length(fm_ecall(service, fm_address(&operation), 0, 0, 0, 0), length);
}

static FMSW_STATUS cipher(uint32_t service, FM_KEY key, uint32_t mechanism, struct k7_fm_bytes iv, struct k7_fm_bytes aad,
                          struct k7_fm_bytes input, void *out, uint32_t *outLength)
{
    struct k7_fm_operation operation = {
        .key = key, .mechanism = mechanism, .iv = iv, .aad = aad, .input = input, .output = bytes(out, *outLength)};
    return transform(service, operation, outLength);
}

FMSW_STATUS FMEncrypt(FM_KEY key, uint32_t mechanism, const void *iv, uint32_t ivLength, const void *aad,
                      uint32_t aadLength, const void *data, uint32_t length, void *out, uint32_t *outLength)
{
    return cipher(K7_FM_SVC_ENCRYPT, key, mechanism, bytes(iv, ivLength), bytes(aad, aadLength), bytes(data, length), out,
                  outLength);
}

FMSW_STATUS FMDecrypt(FM_KEY key, uint32_t mechanism, const void *iv, uint32_t ivLength, const void *aad,
                      uint32_t aadLength, const void *data, uint32_t length, void *out, uint32_t *outLength)
{
    return cipher(K7_FM_SVC_DECRYPT, key, mechanism, bytes(iv, ivLength), bytes(aad, aadLength), bytes(data, length), out,
                  outLength);
}

FMSW_STATUS FMSign(FM_KEY key, uint32_t mechanism, const void *data, uint32_t length, void *signature, uint32_t *size)
{
    struct k7_fm_operation operation = {
        .key = key, .mechanism = mechanism, .input = bytes(data, length), .output = bytes(signature, *size)};
    return transform(K7_FM_SVC_SIGN, operation, size);
}

FMSW_STATUS FMVerify(FM_KEY key, uint32_t mechanism, const void *data, uint32_t length, const void *signature,
                     uint32_t size)
{
    struct k7_fm_operation operation = {
        .key = key, .mechanism = mechanism, .input = bytes(data, length), .output = bytes(signature, size)};
    return fm_ecall(K7_FM_SVC_VERIFY, fm_address(&operation), 0, 0, 0, 0);
}
