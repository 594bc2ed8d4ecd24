// The declarations of native/verbs/abi*.h against the real headers: the compiler compares sizes, offsets and values.
// Only run where these are installed (Debian: libibverbs-dev, librdmacm-dev).
#include "../../native/verbs/abi.h"
#include "../../native/verbs/abi_cm.h"

#include <rdma/rdma_cma.h>

#include "check.h"

namespace {

namespace abi = sanswitch::verbs::abi;

#define SIZE(type) \
  static_assert(sizeof(abi::type) == sizeof(::type) && alignof(abi::type) == alignof(::type), "size of " #type)
#define FIELD(type, field) \
  static_assert(offsetof(abi::type, field) == offsetof(::type, field) && \
                    sizeof(abi::type{}.field) == sizeof(::type{}.field), \
                #type "::" #field)
#define VALUE(name) static_assert(static_cast<int>(abi::name) == static_cast<int>(::name), #name)

SIZE(ibv_device);
FIELD(ibv_device, node_type); FIELD(ibv_device, transport_type); FIELD(ibv_device, name); FIELD(ibv_device, dev_name);
FIELD(ibv_device, dev_path); FIELD(ibv_device, ibdev_path);

SIZE(ibv_device_attr);
FIELD(ibv_device_attr, fw_ver); FIELD(ibv_device_attr, node_guid); FIELD(ibv_device_attr, sys_image_guid);
FIELD(ibv_device_attr, max_mr_size); FIELD(ibv_device_attr, page_size_cap); FIELD(ibv_device_attr, vendor_id);
FIELD(ibv_device_attr, vendor_part_id); FIELD(ibv_device_attr, hw_ver); FIELD(ibv_device_attr, max_qp);
FIELD(ibv_device_attr, max_qp_wr); FIELD(ibv_device_attr, device_cap_flags); FIELD(ibv_device_attr, max_sge);
FIELD(ibv_device_attr, max_sge_rd); FIELD(ibv_device_attr, max_cq); FIELD(ibv_device_attr, max_cqe);
FIELD(ibv_device_attr, max_mr); FIELD(ibv_device_attr, max_pd); FIELD(ibv_device_attr, max_qp_rd_atom);
FIELD(ibv_device_attr, max_ee_rd_atom); FIELD(ibv_device_attr, max_res_rd_atom);
FIELD(ibv_device_attr, max_qp_init_rd_atom); FIELD(ibv_device_attr, max_ee_init_rd_atom);
FIELD(ibv_device_attr, atomic_cap); FIELD(ibv_device_attr, max_ee); FIELD(ibv_device_attr, max_rdd);
FIELD(ibv_device_attr, max_mw); FIELD(ibv_device_attr, max_raw_ipv6_qp); FIELD(ibv_device_attr, max_raw_ethy_qp);
FIELD(ibv_device_attr, max_mcast_grp); FIELD(ibv_device_attr, max_mcast_qp_attach);
FIELD(ibv_device_attr, max_total_mcast_qp_attach); FIELD(ibv_device_attr, max_ah); FIELD(ibv_device_attr, max_fmr);
FIELD(ibv_device_attr, max_map_per_fmr); FIELD(ibv_device_attr, max_srq); FIELD(ibv_device_attr, max_srq_wr);
FIELD(ibv_device_attr, max_srq_sge); FIELD(ibv_device_attr, max_pkeys); FIELD(ibv_device_attr, local_ca_ack_delay);
FIELD(ibv_device_attr, phys_port_cnt);

SIZE(ibv_port_attr);
FIELD(ibv_port_attr, state); FIELD(ibv_port_attr, max_mtu); FIELD(ibv_port_attr, active_mtu);
FIELD(ibv_port_attr, gid_tbl_len); FIELD(ibv_port_attr, port_cap_flags); FIELD(ibv_port_attr, max_msg_sz);
FIELD(ibv_port_attr, bad_pkey_cntr); FIELD(ibv_port_attr, qkey_viol_cntr); FIELD(ibv_port_attr, pkey_tbl_len);
FIELD(ibv_port_attr, lid); FIELD(ibv_port_attr, sm_lid); FIELD(ibv_port_attr, lmc); FIELD(ibv_port_attr, max_vl_num);
FIELD(ibv_port_attr, sm_sl); FIELD(ibv_port_attr, subnet_timeout); FIELD(ibv_port_attr, init_type_reply);
FIELD(ibv_port_attr, active_width); FIELD(ibv_port_attr, active_speed); FIELD(ibv_port_attr, phys_state);
FIELD(ibv_port_attr, link_layer); FIELD(ibv_port_attr, flags); FIELD(ibv_port_attr, port_cap_flags2);

SIZE(ibv_gid);
FIELD(ibv_gid, raw); FIELD(ibv_gid, global); FIELD(ibv_gid, global.subnet_prefix); FIELD(ibv_gid, global.interface_id);

SIZE(ibv_pd);
FIELD(ibv_pd, context); FIELD(ibv_pd, handle);

SIZE(ibv_mr);
FIELD(ibv_mr, context); FIELD(ibv_mr, pd); FIELD(ibv_mr, addr); FIELD(ibv_mr, length); FIELD(ibv_mr, handle);
FIELD(ibv_mr, lkey); FIELD(ibv_mr, rkey);

SIZE(ibv_mw);
FIELD(ibv_mw, context); FIELD(ibv_mw, pd); FIELD(ibv_mw, rkey); FIELD(ibv_mw, handle); FIELD(ibv_mw, type);

SIZE(ibv_mw_bind_info);
FIELD(ibv_mw_bind_info, mr); FIELD(ibv_mw_bind_info, addr); FIELD(ibv_mw_bind_info, length);
FIELD(ibv_mw_bind_info, mw_access_flags);

SIZE(ibv_mw_bind);
FIELD(ibv_mw_bind, wr_id); FIELD(ibv_mw_bind, send_flags); FIELD(ibv_mw_bind, bind_info);

SIZE(ibv_wc);
FIELD(ibv_wc, wr_id); FIELD(ibv_wc, status); FIELD(ibv_wc, opcode); FIELD(ibv_wc, vendor_err); FIELD(ibv_wc, byte_len);
FIELD(ibv_wc, imm_data); FIELD(ibv_wc, invalidated_rkey); FIELD(ibv_wc, qp_num); FIELD(ibv_wc, src_qp);
FIELD(ibv_wc, wc_flags); FIELD(ibv_wc, pkey_index); FIELD(ibv_wc, slid); FIELD(ibv_wc, sl);
FIELD(ibv_wc, dlid_path_bits);

SIZE(ibv_comp_channel);
FIELD(ibv_comp_channel, context); FIELD(ibv_comp_channel, fd); FIELD(ibv_comp_channel, refcnt);

SIZE(ibv_cq);
FIELD(ibv_cq, context); FIELD(ibv_cq, channel); FIELD(ibv_cq, cq_context); FIELD(ibv_cq, handle); FIELD(ibv_cq, cqe);
FIELD(ibv_cq, mutex); FIELD(ibv_cq, cond); FIELD(ibv_cq, comp_events_completed); FIELD(ibv_cq, async_events_completed);

SIZE(ibv_async_event);
FIELD(ibv_async_event, element); FIELD(ibv_async_event, element.cq); FIELD(ibv_async_event, element.qp);
FIELD(ibv_async_event, element.srq); FIELD(ibv_async_event, element.port_num); FIELD(ibv_async_event, event_type);

SIZE(ibv_sge);
FIELD(ibv_sge, addr); FIELD(ibv_sge, length); FIELD(ibv_sge, lkey);

SIZE(ibv_send_wr);
FIELD(ibv_send_wr, wr_id); FIELD(ibv_send_wr, next); FIELD(ibv_send_wr, sg_list); FIELD(ibv_send_wr, num_sge);
FIELD(ibv_send_wr, opcode); FIELD(ibv_send_wr, send_flags); FIELD(ibv_send_wr, imm_data);
FIELD(ibv_send_wr, invalidate_rkey); FIELD(ibv_send_wr, wr); FIELD(ibv_send_wr, wr.rdma);
FIELD(ibv_send_wr, wr.rdma.remote_addr); FIELD(ibv_send_wr, wr.rdma.rkey); FIELD(ibv_send_wr, wr.atomic);
FIELD(ibv_send_wr, wr.atomic.remote_addr); FIELD(ibv_send_wr, wr.atomic.compare_add);
FIELD(ibv_send_wr, wr.atomic.swap); FIELD(ibv_send_wr, wr.atomic.rkey); FIELD(ibv_send_wr, bind_mw);
FIELD(ibv_send_wr, bind_mw.mw); FIELD(ibv_send_wr, bind_mw.rkey); FIELD(ibv_send_wr, bind_mw.bind_info);

SIZE(ibv_recv_wr);
FIELD(ibv_recv_wr, wr_id); FIELD(ibv_recv_wr, next); FIELD(ibv_recv_wr, sg_list); FIELD(ibv_recv_wr, num_sge);

SIZE(ibv_srq_attr);
FIELD(ibv_srq_attr, max_wr); FIELD(ibv_srq_attr, max_sge); FIELD(ibv_srq_attr, srq_limit);

SIZE(ibv_srq_init_attr);
FIELD(ibv_srq_init_attr, srq_context); FIELD(ibv_srq_init_attr, attr);

SIZE(ibv_srq);
FIELD(ibv_srq, context); FIELD(ibv_srq, srq_context); FIELD(ibv_srq, pd); FIELD(ibv_srq, handle); FIELD(ibv_srq, mutex);
FIELD(ibv_srq, cond); FIELD(ibv_srq, events_completed);

SIZE(ibv_qp_cap);
FIELD(ibv_qp_cap, max_send_wr); FIELD(ibv_qp_cap, max_recv_wr); FIELD(ibv_qp_cap, max_send_sge);
FIELD(ibv_qp_cap, max_recv_sge); FIELD(ibv_qp_cap, max_inline_data);

SIZE(ibv_qp_init_attr);
FIELD(ibv_qp_init_attr, qp_context); FIELD(ibv_qp_init_attr, send_cq); FIELD(ibv_qp_init_attr, recv_cq);
FIELD(ibv_qp_init_attr, srq); FIELD(ibv_qp_init_attr, cap); FIELD(ibv_qp_init_attr, qp_type);
FIELD(ibv_qp_init_attr, sq_sig_all);

SIZE(ibv_qp);
FIELD(ibv_qp, context); FIELD(ibv_qp, qp_context); FIELD(ibv_qp, pd); FIELD(ibv_qp, send_cq); FIELD(ibv_qp, recv_cq);
FIELD(ibv_qp, srq); FIELD(ibv_qp, handle); FIELD(ibv_qp, qp_num); FIELD(ibv_qp, state); FIELD(ibv_qp, qp_type);
FIELD(ibv_qp, mutex); FIELD(ibv_qp, cond); FIELD(ibv_qp, events_completed);

SIZE(ibv_global_route);
FIELD(ibv_global_route, dgid); FIELD(ibv_global_route, flow_label); FIELD(ibv_global_route, sgid_index);
FIELD(ibv_global_route, hop_limit); FIELD(ibv_global_route, traffic_class);

SIZE(ibv_ah_attr);
FIELD(ibv_ah_attr, grh); FIELD(ibv_ah_attr, dlid); FIELD(ibv_ah_attr, sl); FIELD(ibv_ah_attr, src_path_bits);
FIELD(ibv_ah_attr, static_rate); FIELD(ibv_ah_attr, is_global); FIELD(ibv_ah_attr, port_num);

SIZE(ibv_qp_attr);
FIELD(ibv_qp_attr, qp_state); FIELD(ibv_qp_attr, cur_qp_state); FIELD(ibv_qp_attr, path_mtu);
FIELD(ibv_qp_attr, path_mig_state); FIELD(ibv_qp_attr, qkey); FIELD(ibv_qp_attr, rq_psn); FIELD(ibv_qp_attr, sq_psn);
FIELD(ibv_qp_attr, dest_qp_num); FIELD(ibv_qp_attr, qp_access_flags); FIELD(ibv_qp_attr, cap);
FIELD(ibv_qp_attr, ah_attr); FIELD(ibv_qp_attr, alt_ah_attr); FIELD(ibv_qp_attr, pkey_index);
FIELD(ibv_qp_attr, alt_pkey_index); FIELD(ibv_qp_attr, en_sqd_async_notify); FIELD(ibv_qp_attr, sq_draining);
FIELD(ibv_qp_attr, max_rd_atomic); FIELD(ibv_qp_attr, max_dest_rd_atomic); FIELD(ibv_qp_attr, min_rnr_timer);
FIELD(ibv_qp_attr, port_num); FIELD(ibv_qp_attr, timeout); FIELD(ibv_qp_attr, retry_cnt); FIELD(ibv_qp_attr, rnr_retry);
FIELD(ibv_qp_attr, alt_port_num); FIELD(ibv_qp_attr, alt_timeout); FIELD(ibv_qp_attr, rate_limit);

SIZE(ibv_context_ops);
FIELD(ibv_context_ops, alloc_mw); FIELD(ibv_context_ops, bind_mw); FIELD(ibv_context_ops, dealloc_mw);
FIELD(ibv_context_ops, poll_cq); FIELD(ibv_context_ops, req_notify_cq); FIELD(ibv_context_ops, post_srq_recv);
FIELD(ibv_context_ops, post_send); FIELD(ibv_context_ops, post_recv);

SIZE(ibv_context);
FIELD(ibv_context, device); FIELD(ibv_context, ops); FIELD(ibv_context, cmd_fd); FIELD(ibv_context, async_fd);
FIELD(ibv_context, num_comp_vectors); FIELD(ibv_context, mutex); FIELD(ibv_context, abi_compat);

SIZE(rdma_ib_addr);
FIELD(rdma_ib_addr, sgid); FIELD(rdma_ib_addr, dgid); FIELD(rdma_ib_addr, pkey);

SIZE(rdma_addr);
FIELD(rdma_addr, src_addr); FIELD(rdma_addr, src_sin); FIELD(rdma_addr, src_sin6); FIELD(rdma_addr, src_storage);
FIELD(rdma_addr, dst_addr); FIELD(rdma_addr, dst_sin); FIELD(rdma_addr, dst_sin6); FIELD(rdma_addr, dst_storage);
FIELD(rdma_addr, addr); FIELD(rdma_addr, addr.ibaddr);

SIZE(rdma_route);
FIELD(rdma_route, addr); FIELD(rdma_route, path_rec); FIELD(rdma_route, num_paths);

SIZE(rdma_event_channel);
FIELD(rdma_event_channel, fd);

SIZE(rdma_cm_id);
FIELD(rdma_cm_id, verbs); FIELD(rdma_cm_id, channel); FIELD(rdma_cm_id, context); FIELD(rdma_cm_id, qp);
FIELD(rdma_cm_id, route); FIELD(rdma_cm_id, ps); FIELD(rdma_cm_id, port_num); FIELD(rdma_cm_id, event);
FIELD(rdma_cm_id, send_cq_channel); FIELD(rdma_cm_id, send_cq); FIELD(rdma_cm_id, recv_cq_channel);
FIELD(rdma_cm_id, recv_cq); FIELD(rdma_cm_id, srq); FIELD(rdma_cm_id, pd); FIELD(rdma_cm_id, qp_type);

SIZE(rdma_conn_param);
FIELD(rdma_conn_param, private_data); FIELD(rdma_conn_param, private_data_len);
FIELD(rdma_conn_param, responder_resources); FIELD(rdma_conn_param, initiator_depth);
FIELD(rdma_conn_param, flow_control); FIELD(rdma_conn_param, retry_count); FIELD(rdma_conn_param, rnr_retry_count);
FIELD(rdma_conn_param, srq); FIELD(rdma_conn_param, qp_num);

SIZE(rdma_ud_param);
FIELD(rdma_ud_param, private_data); FIELD(rdma_ud_param, private_data_len); FIELD(rdma_ud_param, ah_attr);
FIELD(rdma_ud_param, qp_num); FIELD(rdma_ud_param, qkey);

SIZE(rdma_cm_event);
FIELD(rdma_cm_event, id); FIELD(rdma_cm_event, listen_id); FIELD(rdma_cm_event, event); FIELD(rdma_cm_event, status);
FIELD(rdma_cm_event, param); FIELD(rdma_cm_event, param.conn); FIELD(rdma_cm_event, param.ud);

// Under a name of its own here.
static_assert(offsetof(abi::ibv_send_wr, remote_srqn) == offsetof(::ibv_send_wr, qp_type.xrc.remote_srqn),
              "ibv_send_wr::remote_srqn");

VALUE(IBV_NODE_UNKNOWN); VALUE(IBV_NODE_CA); VALUE(IBV_NODE_RNIC); VALUE(IBV_TRANSPORT_UNKNOWN);
VALUE(IBV_TRANSPORT_IB); VALUE(IBV_TRANSPORT_IWARP); VALUE(IBV_DEVICE_SHUTDOWN_PORT);
VALUE(IBV_DEVICE_PORT_ACTIVE_EVENT); VALUE(IBV_DEVICE_RC_RNR_NAK_GEN); VALUE(IBV_DEVICE_SRQ_RESIZE);
VALUE(IBV_DEVICE_N_NOTIFY_CQ); VALUE(IBV_DEVICE_MEM_WINDOW); VALUE(IBV_DEVICE_MEM_MGT_EXTENSIONS);
VALUE(IBV_DEVICE_MEM_WINDOW_TYPE_2A); VALUE(IBV_DEVICE_MEM_WINDOW_TYPE_2B); VALUE(IBV_ATOMIC_NONE);
VALUE(IBV_ATOMIC_HCA); VALUE(IBV_ATOMIC_GLOB); VALUE(IBV_MTU_256); VALUE(IBV_MTU_512); VALUE(IBV_MTU_1024);
VALUE(IBV_MTU_2048); VALUE(IBV_MTU_4096); VALUE(IBV_PORT_NOP); VALUE(IBV_PORT_DOWN); VALUE(IBV_PORT_INIT);
VALUE(IBV_PORT_ARMED); VALUE(IBV_PORT_ACTIVE); VALUE(IBV_PORT_ACTIVE_DEFER); VALUE(IBV_LINK_LAYER_UNSPECIFIED);
VALUE(IBV_LINK_LAYER_INFINIBAND); VALUE(IBV_LINK_LAYER_ETHERNET);
VALUE(IBV_FORK_DISABLED); VALUE(IBV_FORK_ENABLED); VALUE(IBV_FORK_UNNEEDED);
VALUE(IBV_ACCESS_LOCAL_WRITE); VALUE(IBV_ACCESS_REMOTE_WRITE); VALUE(IBV_ACCESS_REMOTE_READ);
VALUE(IBV_ACCESS_REMOTE_ATOMIC); VALUE(IBV_ACCESS_MW_BIND); VALUE(IBV_ACCESS_ZERO_BASED); VALUE(IBV_MW_TYPE_1);
VALUE(IBV_MW_TYPE_2); VALUE(IBV_WC_SUCCESS); VALUE(IBV_WC_LOC_LEN_ERR); VALUE(IBV_WC_LOC_QP_OP_ERR);
VALUE(IBV_WC_LOC_EEC_OP_ERR); VALUE(IBV_WC_LOC_PROT_ERR); VALUE(IBV_WC_WR_FLUSH_ERR); VALUE(IBV_WC_MW_BIND_ERR);
VALUE(IBV_WC_BAD_RESP_ERR); VALUE(IBV_WC_LOC_ACCESS_ERR); VALUE(IBV_WC_REM_INV_REQ_ERR); VALUE(IBV_WC_REM_ACCESS_ERR);
VALUE(IBV_WC_REM_OP_ERR); VALUE(IBV_WC_RETRY_EXC_ERR); VALUE(IBV_WC_RNR_RETRY_EXC_ERR); VALUE(IBV_WC_LOC_RDD_VIOL_ERR);
VALUE(IBV_WC_REM_INV_RD_REQ_ERR); VALUE(IBV_WC_REM_ABORT_ERR); VALUE(IBV_WC_INV_EECN_ERR);
VALUE(IBV_WC_INV_EEC_STATE_ERR); VALUE(IBV_WC_FATAL_ERR); VALUE(IBV_WC_RESP_TIMEOUT_ERR); VALUE(IBV_WC_GENERAL_ERR);
VALUE(IBV_WC_SEND); VALUE(IBV_WC_RDMA_WRITE); VALUE(IBV_WC_RDMA_READ); VALUE(IBV_WC_COMP_SWAP); VALUE(IBV_WC_FETCH_ADD);
VALUE(IBV_WC_BIND_MW); VALUE(IBV_WC_LOCAL_INV); VALUE(IBV_WC_RECV); VALUE(IBV_WC_RECV_RDMA_WITH_IMM); VALUE(IBV_WC_GRH);
VALUE(IBV_WC_WITH_IMM); VALUE(IBV_WC_WITH_INV); VALUE(IBV_EVENT_CQ_ERR); VALUE(IBV_EVENT_QP_FATAL);
VALUE(IBV_EVENT_QP_REQ_ERR); VALUE(IBV_EVENT_QP_ACCESS_ERR); VALUE(IBV_EVENT_COMM_EST); VALUE(IBV_EVENT_SQ_DRAINED);
VALUE(IBV_EVENT_PATH_MIG); VALUE(IBV_EVENT_PATH_MIG_ERR); VALUE(IBV_EVENT_DEVICE_FATAL); VALUE(IBV_EVENT_PORT_ACTIVE);
VALUE(IBV_EVENT_PORT_ERR); VALUE(IBV_EVENT_LID_CHANGE); VALUE(IBV_EVENT_PKEY_CHANGE); VALUE(IBV_EVENT_SM_CHANGE);
VALUE(IBV_EVENT_SRQ_ERR); VALUE(IBV_EVENT_SRQ_LIMIT_REACHED); VALUE(IBV_EVENT_QP_LAST_WQE_REACHED);
VALUE(IBV_EVENT_CLIENT_REREGISTER); VALUE(IBV_EVENT_GID_CHANGE); VALUE(IBV_EVENT_WQ_FATAL); VALUE(IBV_WR_RDMA_WRITE);
VALUE(IBV_WR_RDMA_WRITE_WITH_IMM); VALUE(IBV_WR_SEND); VALUE(IBV_WR_SEND_WITH_IMM); VALUE(IBV_WR_RDMA_READ);
VALUE(IBV_WR_ATOMIC_CMP_AND_SWP); VALUE(IBV_WR_ATOMIC_FETCH_AND_ADD); VALUE(IBV_WR_LOCAL_INV); VALUE(IBV_WR_BIND_MW);
VALUE(IBV_WR_SEND_WITH_INV); VALUE(IBV_SEND_FENCE); VALUE(IBV_SEND_SIGNALED); VALUE(IBV_SEND_SOLICITED);
VALUE(IBV_SEND_INLINE); VALUE(IBV_SRQ_MAX_WR); VALUE(IBV_SRQ_LIMIT); VALUE(IBV_QPT_RC); VALUE(IBV_QPS_RESET);
VALUE(IBV_QPS_INIT); VALUE(IBV_QPS_RTR); VALUE(IBV_QPS_RTS); VALUE(IBV_QPS_SQD); VALUE(IBV_QPS_SQE); VALUE(IBV_QPS_ERR);
VALUE(IBV_QPS_UNKNOWN); VALUE(IBV_MIG_MIGRATED); VALUE(IBV_MIG_REARM); VALUE(IBV_MIG_ARMED); VALUE(IBV_QP_STATE);
VALUE(IBV_QP_CUR_STATE); VALUE(IBV_QP_ACCESS_FLAGS); VALUE(IBV_QP_PORT); VALUE(IBV_QP_PATH_MTU); VALUE(IBV_QP_TIMEOUT);
VALUE(IBV_QP_RETRY_CNT); VALUE(IBV_QP_RNR_RETRY); VALUE(IBV_QP_MAX_QP_RD_ATOMIC); VALUE(IBV_QP_MIN_RNR_TIMER);
VALUE(IBV_QP_MAX_DEST_RD_ATOMIC); VALUE(IBV_QP_CAP); VALUE(IBV_QP_DEST_QPN); VALUE(RDMA_CM_EVENT_ADDR_RESOLVED);
VALUE(RDMA_CM_EVENT_ADDR_ERROR); VALUE(RDMA_CM_EVENT_ROUTE_RESOLVED); VALUE(RDMA_CM_EVENT_ROUTE_ERROR);
VALUE(RDMA_CM_EVENT_CONNECT_REQUEST); VALUE(RDMA_CM_EVENT_CONNECT_RESPONSE); VALUE(RDMA_CM_EVENT_CONNECT_ERROR);
VALUE(RDMA_CM_EVENT_UNREACHABLE); VALUE(RDMA_CM_EVENT_REJECTED); VALUE(RDMA_CM_EVENT_ESTABLISHED);
VALUE(RDMA_CM_EVENT_DISCONNECTED); VALUE(RDMA_CM_EVENT_DEVICE_REMOVAL); VALUE(RDMA_CM_EVENT_MULTICAST_JOIN);
VALUE(RDMA_CM_EVENT_MULTICAST_ERROR); VALUE(RDMA_CM_EVENT_ADDR_CHANGE); VALUE(RDMA_CM_EVENT_TIMEWAIT_EXIT);
VALUE(RDMA_PS_TCP); VALUE(RDMA_PS_UDP); VALUE(RDMA_OPTION_ID); VALUE(RDMA_OPTION_ID_TOS);
VALUE(RDMA_OPTION_ID_REUSEADDR);
VALUE(RDMA_OPTION_ID_AFONLY); VALUE(RDMA_OPTION_ID_ACK_TIMEOUT);

}  // namespace

TEST(declarations, "the declarations of libibverbs and librdmacm are those of their headers") {
  // The compiler has compared them.
}

TEST_MAIN()
