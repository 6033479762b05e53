-- one row per row of a CRM file: a subscription as that file told it
-- bridge: `og_subscription_id` is the API's `public_id`; the customer's id in the file
-- is internal, so the shop's own comes from the API's row
select
    told.og_subscription_id as subscription_id,
    subscriptions.public_id is not null as is_in_api,
    subscriptions.customer as customer_id,
    told.customer_id as ordergroove_user_id,
    told.customer_email as email,
    told.subscription_create_date as created_local,
    told.merchant_order_id,
    told.external_product_id as product_id,
    told.sku,
    told.quantity,
    told.frequency as frequency_days,
    told.subscription_status as status_code,
    told.subscription_status = 1 as is_live,
    told.next_order_date as next_order_local,
    row_number() over (
        partition by told.og_subscription_id
        order by told.file_stamp desc, told.file_name desc, told."row_number" desc
    ) = 1 as is_latest,
    told.other_columns,
    told.file_name,
    told."row_number" as file_row_number,
    told.file_stamp as file_local,
    told.file_kind,
    told.business_day as business_date,
    told._unparsed is not null as has_unparsed
from sftp_crm_subscription as told
left join subscriptions
    on subscriptions.public_id = told.og_subscription_id
