"""Modules of OpenSIPS that sipc does not have yet: named in the message instead of guessed at."""

from __future__ import annotations

__all__ = ["KNOWN_MODULES", "TRANSPORTS"]

TRANSPORTS = frozenset(("proto_udp", "proto_tcp"))

KNOWN_MODULES = frozenset(
    """aaa_diameter aaa_radius alias_db auth auth_aaa auth_aka auth_db auth_jwt avpops b2b_entities b2b_logic b2b_sca
    b2b_sdp_demux benchmark cachedb_cassandra cachedb_couchbase cachedb_dynamodb cachedb_local cachedb_memcached
    cachedb_mongodb cachedb_redis cachedb_sql call_center call_control callops carrierroute cfgutils cgrates clusterer
    compression config cpl_c db_berkeley db_cachedb db_flatstore db_http db_mysql db_oracle db_perlvdb db_postgres
    db_sqlite db_text db_unixodbc db_virtual dialog dialplan dispatcher diversion dns_cache domain domainpolicy drouting
    emergency enum event_datagram event_flatstore event_kafka event_rabbitmq event_route event_routing event_sqs
    event_stream event_virtual event_xmlrpc example exec fraud_detection freeswitch freeswitch_scripting gflags group
    h350 http2d httpd identity imc jabber janus jsonrpc json launch_darkly ldap load_balancer lua mangler mathops
    media_exchange mediaproxy mi_datagram mi_html mi_http mi_json mi_script mi_xmlrpc mi_xmlrpc_ng mid_registrar mmgeoip
    mqueue msilo msrp_gateway msrp_relay msrp_ua nat_traversal nathelper opentelemetry options osp path peering
    perl permissions pi_http pike presence presence_callinfo presence_dfks presence_dialoginfo presence_mwi
    presence_reginfo presence_xcapdiff presence_xml prometheus proto_bin proto_bins proto_hep proto_ipsec proto_msrp
    proto_sctp proto_smpp proto_tls proto_ws proto_wss pua pua_bla pua_dialoginfo pua_mi pua_reginfo pua_usrloc pua_xmpp
    python qos qrouting rabbitmq rabbitmq_consumer rate_cacher ratelimit regex rest_client rls rtp.io rtp_relay
    rtpengine rtpproxy script_helper seas sip_i sipcapture siprec siptrace sms snmpstats sockets_mgm speeddial
    sql_cacher sqlops sst statistics status_report stir_shaken stun tcp_mgm textops tls_mgm tls_openssl tls_wolfssl
    topology_hiding tracer trie uac uac_auth uac_redirect uac_registrant userblacklist uri uuid xcap xcap_client xml
    xmpp""".split()
)
