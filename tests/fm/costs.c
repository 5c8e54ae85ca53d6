/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * costs: how long services take on this machine, in microseconds each. FM ID a0e5. What they cost is in docs/fm-sdk.md.
 *   data        digests, random numbers and AES, of 64 KiB
 *   smfs        directories, files of 4 and 64 KiB
 *   TYPE BITS   numbers of a key: 3 256, 3 384, 4 256, 5 2048, 5 3072, 5 4096
 */
#include "text.h"
#include <stdlib.h>

DEFINE_FM_HEADER(0xa0e5, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "costs");

static struct report report;
static uint8_t data[65536 + 64];
static uint8_t bytes[4096];

/* TIMES times OPERATION, which is to be well. */
#define MEASURE(name, times, operation)                                                                                \
    do {                                                                                                               \
        uint32_t result_ = 0;                                                                                          \
        uint64_t from_ = FMGetMonotonicTime();                                                                         \
        for (unsigned i = 0; i < (times) && result_ == 0; i++)                                                         \
            result_ = (uint32_t)(operation);                                                                           \
        uint64_t took_ = FMGetMonotonicTime() - from_;                                                                 \
        report_line(&report, "%s %lu%s\n", name, (unsigned long)(took_ / (times)), result_ != 0 ? " FAILED" : "");      \
    } while (0)

static void measure_data(void)
{
    uint8_t digest[FM_DIGEST_MAX], iv[16] = {0};
    uint32_t size = sizeof digest;
    FM_KEY key;
    MEASURE("sha-256", 20, FMDigest(FM_SHA256, data, 65536, digest, &size));
    MEASURE("sha-512", 20, (size = sizeof digest, FMDigest(FM_SHA512, data, 65536, digest, &size)));
    MEASURE("random", 20, FMRandom(data, 65536));
    MEASURE("aes key", 20, (FMKeyGenerate(&key, FM_KEY_AES, 256, 0), FMKeyDelete(key)));
    FMKeyGenerate(&key, FM_KEY_AES, 256, 0);
    MEASURE("aes-gcm", 20, (size = sizeof data, FMEncrypt(key, FM_AES_GCM, iv, 12, NULL, 0, data, 65536, data, &size)));
    MEASURE("aes-cbc", 20, (size = sizeof data, FMEncrypt(key, FM_AES_CBC, iv, 16, NULL, 0, data, 65536, data, &size)));
    FMKeyDelete(key);
}

static void measure_file(uint32_t size)
{
    SMFS_HANDLE file;
    report_line(&report, "size %lu\n", (unsigned long)size);
    MEASURE("create", 1, SmFsCreateFile("/costs", size));
    SmFsOpenFile(&file, "/costs");
    MEASURE("write", 20, SmFsWriteFile(file, 0, data, size));
    MEASURE("read", 20, SmFsReadFile(file, 0, data, size));
    SmFsCloseFile(file);
    MEASURE("delete", 1, SmFsDeleteFile("/costs"));
}

static void measure_smfs(void)
{
    SmFsAttr attr;
    MEASURE("create dir and delete", 20, (SmFsCreateDir("/costs", 1), SmFsDeleteFile("/costs")));
    MEASURE("attr", 20, SmFsGetFileAttr("/", &attr));
    measure_file(4096);
    measure_file(65536);
}

static void measure_key(uint32_t type, uint32_t bits)
{
    FM_KEY key = 0, again = 0;
    uint32_t size = sizeof bytes, signed_size = sizeof data;
    uint32_t mechanism = type == FM_KEY_EC ? FM_ECDSA(FM_SHA256)
                         : type == FM_KEY_RSA ? FM_RSA_PSS(FM_SHA256) : FM_EDDSA;
    MEASURE("generate", 1, FMKeyGenerate(&key, type, bits, FM_KEY_EXTRACTABLE));
    MEASURE("sign", 5, (signed_size = sizeof data, FMSign(key, mechanism, "abc", 3, data, &signed_size)));
    MEASURE("verify", 5, FMVerify(key, mechanism, "abc", 3, data, signed_size));
    MEASURE("export", 5, (size = sizeof bytes, FMKeyExport(key, bytes, &size)));
    MEASURE("import", 2, (FMKeyImport(&again, type, 0, bytes, size), FMKeyDelete(again)));
    SmFsDeleteFile("/key");
    MEASURE("store", 1, FMKeyStore(key, "/key"));
    MEASURE("load", 2, (FMKeyLoad(&again, "/key"), FMKeyDelete(again)));
    MEASURE("public", 5, (size = sizeof bytes, FMKeyPublic(key, bytes, &size)));
    MEASURE("import public", 2, (FMKeyImport(&again, type, FM_KEY_PUBLIC, bytes, size), FMKeyDelete(again)));
    FMKeyDelete(key);
    SmFsDeleteFile("/key");
}

static void on_message(HI_MsgHandle token, void *request, uint32_t length)
{
    char text[TEXT_MAX];
    request_text(request, length, text);
    memset(&report, 0, sizeof report);
    if (strcmp(text, "data") == 0)
        measure_data();
    else if (strcmp(text, "smfs") == 0)
        measure_smfs();
    else
        measure_key(strtoul(text, NULL, 10), strtoul(text + 2, NULL, 10));
    reply_text(token, 0, report.text);
}

FM_RV Startup(void)
{
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
