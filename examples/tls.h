/* SPDX-License-Identifier: MIT */
/*
 * TLS by OpenSSL under a bide_stream, for tls_echo and tls_get. OpenSSL is never left waiting: it works
 * on the non-blocking descriptor, and where it would have to wait, bide_poll does. So one task may read
 * while another writes.
 */
#ifndef TLS_H
#define TLS_H

#include <bide.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct tls {
    SSL *ssl;
    int fd;
    size_t unsent;          /* bytes of the record that OpenSSL has not sent yet: it must get them again */
    char record[16 * 1024]; /* the most that one record can have */
};

/* What OpenSSL's call wanted when it gave `result`: 0 to try it again, after a wait; or a failure. */
static int tls_wait(struct tls *tls, int result)
{
    int error = SSL_get_error(tls->ssl, result), events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        int ready = bide_poll(tls->fd, events);
        return ready < 0 ? ready : 0;
    }
    unsigned long reason = ERR_get_error();
    long verified = SSL_get_verify_result(tls->ssl);
    ERR_clear_error();
    if (verified != X509_V_OK)
        return bide_fail(EPROTO, "TLS: certificate: %s", X509_verify_cert_error_string(verified));
    if (error != SSL_ERROR_SSL) return bide_fail(ECONNRESET, "TLS: the connection broke");
    return bide_fail(EPROTO, "TLS: %s", ERR_reason_error_string(reason));
}

static ssize_t tls_read(void *arg, void *buf, size_t n)
{
    struct tls *tls = arg;
    for (;;) {
        int got = SSL_read(tls->ssl, buf, n > INT_MAX ? INT_MAX : (int)n);
        if (got > 0) return got;
        if (SSL_get_error(tls->ssl, got) == SSL_ERROR_ZERO_RETURN) return 0;
        int code = tls_wait(tls, got);
        if (code < 0) return code;
    }
}

static int tls_send_record(struct tls *tls)
{
    while (tls->unsent > 0) {
        int sent = SSL_write(tls->ssl, tls->record, (int)tls->unsent);
        int code = sent > 0 ? 0 : tls_wait(tls, sent);
        if (code < 0) return code;
        if (sent > 0) tls->unsent = 0; /* it sends all or nothing */
    }
    return 0;
}

/* Takes one record's worth. Once that is taken it stays so, also when sending is cut short. */
static ssize_t tls_writev(void *arg, const struct iovec *iov, int n)
{
    struct tls *tls = arg;
    int code = tls_send_record(tls);
    if (code < 0) return code;
    for (int i = 0; i < n; i++) {
        size_t room = sizeof tls->record - tls->unsent, part = iov[i].iov_len < room ? iov[i].iov_len : room;
        memcpy(tls->record + tls->unsent, iov[i].iov_base, part);
        tls->unsent += part;
    }
    size_t taken = tls->unsent;
    tls_send_record(tls); /* a failure is told by the next call: there is something unsent */
    return (ssize_t)taken;
}

static int tls_shutdown(void *arg)
{
    struct tls *tls = arg;
    int result, code = 0;
    while (code == 0 && (result = SSL_shutdown(tls->ssl)) < 0) code = tls_wait(tls, result);
    return code;
}

static int tls_close(void *arg)
{
    struct tls *tls = arg;
    SSL_shutdown(tls->ssl); /* says goodbye, if that needs no waiting */
    ERR_clear_error();
    return bide_close(tls->fd);
}

static void tls_free(void *arg)
{
    SSL_free(((struct tls *)arg)->ssl);
    free(arg);
}

static size_t tls_pending(const void *arg)
{
    return (size_t)SSL_pending(((const struct tls *)arg)->ssl);
}

static size_t tls_unsent(const void *arg)
{
    return ((const struct tls *)arg)->unsent;
}

static int tls_fd(const void *arg)
{
    return ((const struct tls *)arg)->fd;
}

static const struct bide_transport tls_transport = {.read = tls_read,
                                                    .writev = tls_writev,
                                                    .shutdown = tls_shutdown,
                                                    .close = tls_close,
                                                    .free = tls_free,
                                                    .pending = tls_pending,
                                                    .unsent = tls_unsent,
                                                    .fd = tls_fd};

/*
 * A stream over a connected socket of bide's own, after the handshake: as the client of a host whose
 * certificate has that name, or as a server (NULL). Takes fd in any case. 0 or a failure.
 */
static int tls_open(SSL_CTX *context, int fd, const char *host, struct bide_stream **stream)
{
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls) tls->ssl = SSL_new(context);
    *stream = tls && tls->ssl ? bide_stream_new_with(&tls_transport, tls) : NULL;
    if (!*stream || SSL_set_fd(tls->ssl, fd) != 1) {
        if (tls) tls_free(tls);
        bide_close(fd);
        return -ENOMEM;
    }
    tls->fd = fd;
    if (host) {
        SSL_set_tlsext_host_name(tls->ssl, host);
        SSL_set1_host(tls->ssl, host);
        SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, NULL);
        SSL_set_connect_state(tls->ssl);
    } else {
        SSL_set_accept_state(tls->ssl);
    }
    int result, code = 0;
    while (code == 0 && (result = SSL_do_handshake(tls->ssl)) != 1) code = tls_wait(tls, result);
    if (code < 0) bide_stream_abort(*stream);
    return code;
}

#endif
