# NATS with a data folder that is not root's, and our configuration.
FROM nats:2-alpine
RUN mkdir -p /data && chown 10001:10001 /data
COPY infra/nats/*.conf /etc/live-runner/
USER 10001:10001
ENTRYPOINT ["nats-server"]
CMD ["--config", "/etc/live-runner/server.conf"]
