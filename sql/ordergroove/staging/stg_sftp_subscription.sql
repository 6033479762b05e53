-- one row per row of a subscription report: a subscription as that file told it
-- bridge: `public_subscription_id` where the report has it, and the shop's id of the
-- customer; `subscription_id` in the file is internal, the API does not know it
select
    told.public_subscription_id as subscription_id,
    subscriptions.public_id is not null as is_in_api,
    told.subscription_id as ordergroove_subscription_id,
    told.merchant_user_id as customer_id,
    told.ordergroove_user_id,
    told.merchant as merchant_name,
    told.create_date as created_date,
    told.create_time as created_local,
    told.start_date,
    told.customer_status,
    told.offer_id as ordergroove_offer_id,
    told.merchant_order_id,
    row_number() over (
        partition by told.subscription_id
        order by told.file_stamp desc, told.file_name desc, told."row_number" desc
    ) = 1 as is_latest,
    told.other_columns,
    told.file_name,
    told."row_number" as file_row_number,
    told.file_stamp as file_local,
    told.file_kind,
    told.business_day as business_date,
    told._unparsed is not null as has_unparsed
from sftp_subscription as told
left join subscriptions
    on subscriptions.public_id = told.public_subscription_id
