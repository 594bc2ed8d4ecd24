/** A key and a certificate for `localhost` that prove nothing: both ends of a pair know them. */

/** As `tls.createServer` takes them. */
export const CERTIFICATE = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgY0tNCiU7T+gsoJUn
wzOqM4mP+rMk3S8A7x+N6RwClW+hRANCAAQ0RWSZZ2hsAUO3vtqpfE28bfa+bmeB
ofbvFvZMFqRaSmjkvDeb0XwXH9jPEnXoTdpBlO/pkwBKh2jx4JhG69fj
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUHT3eu5Mfzt03AW+LjhIoBbRq2H0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNjIzNTgyM1oYDzIxMjYxMTAy
MjM1ODIzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ0RWSZZ2hsAUO3vtqpfE28bfa+bmeBofbvFvZMFqRaSmjkvDeb0XwX
H9jPEnXoTdpBlO/pkwBKh2jx4JhG69fjo28wbTAdBgNVHQ4EFgQUKsLwj73GMrgQ
pOsd5l1zJvnv2iswHwYDVR0jBBgwFoAUKsLwj73GMrgQpOsd5l1zJvnv2iswDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgRdXBy83jA8dTtM+GxobrSdC/GMaKO2IG5LIW374kH0YCIAGP
wzoI3xtO0+S5MSqwOmcZAT9bgG9nE0LVyg4yj2/z
-----END CERTIFICATE-----
`,
};
