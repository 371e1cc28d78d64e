/** Whether what is sent to this URI goes by TLS: it says `sips`, or names the transport. */
export const isOverTls = (uri: string): boolean => /^sips:|;transport=tls(?=;|$)/i.test(uri);
